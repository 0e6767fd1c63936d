package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"onsale/internal/sale"
)

// The types of messages that are read.
const (
	Succeeded = "payment.succeeded" // an order was paid
	Refunded  = "payment.refunded"  // a payment went back to the buyer, in whole or in part
	Disputed  = "payment.disputed"  // the buyer's bank took a payment back, in whole or in part
)

// ErrMessage: the body is not a message that can be read, though somebody who knows a
// secret may have signed it. The detail is what is wrong with it. Returned by Parse.
var ErrMessage = errors.New("the message can't be read")

// Message is what a provider reports.
type Message struct {
	Type string
	Data Data // zero unless the message is read
}

// Read reports whether the message is of a type that is read. Providers send messages of
// many types to one address; the others are to be acknowledged, and nothing more.
func (m Message) Read() bool {
	return m.Type == Succeeded || m.Type == Refunded || m.Type == Disputed
}

// Payment is the sale and the payment to report to Redis, or the part of one that went
// back; id is the message's own, from Verify. State and time are not the provider's to decide.
func (m Message) Payment(id sale.MessageID) (sale.ID, sale.Payment) {
	d := m.Data
	p := sale.Payment{ID: d.Payment, Message: id, Order: d.Order, Amount: d.Amount, Currency: d.Currency}
	switch {
	case d.Refund != "":
		p.ID, p.Of, p.Reason = d.Refund, d.Payment, sale.ReasonReturned
	case d.Dispute != "":
		p.ID, p.Of, p.Reason = d.Dispute, d.Payment, sale.ReasonDisputed
	}
	return d.Sale, p
}

// Data is the payment that a message is about. Where money of it went back, that has a
// name of its own, as refund or as dispute, and the amount is that of the part.
type Data struct {
	Payment  sale.PaymentID `json:"payment"`
	Refund   sale.PaymentID `json:"refund,omitempty"`  // of a message that is Refunded
	Dispute  sale.PaymentID `json:"dispute,omitempty"` // of a message that is Disputed
	Sale     sale.ID        `json:"sale"`
	Order    sale.OrderID   `json:"order"`
	Amount   int64          `json:"amount"`   // in the currency's minor unit
	Currency string         `json:"currency"` // ISO 4217, such as "EUR"
}

// kind is the type of the message that has the data.
func (d Data) kind() string {
	switch {
	case d.Refund != "":
		return Refunded
	case d.Dispute != "":
		return Disputed
	}
	return Succeeded
}

// Validate reports every fault at once, or nil. Whether the order exists and costs this
// much is not its business.
func (d Data) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, err := sale.ParsePaymentID(string(d.Payment))
	check(err == nil, "%w", err)
	_, err = sale.ParseID(string(d.Sale))
	check(err == nil, "%w", err)
	if part := d.Refund + d.Dispute; part != "" {
		_, err = sale.ParsePaymentID(string(part))
		check(err == nil && (d.Refund == "" || d.Dispute == ""), "refund or dispute: want one id of 1 to %d visible ASCII characters", sale.MaxPaymentIDLength)
		check(part != d.Payment, "refund or dispute: want an id of its own, not the payment's")
		check(d.Amount != 0, "amount: want more than 0 of a refund or dispute")
	}
	check(canonical(string(d.Order)), "order: want a UUID in lower case, got %.40q", d.Order)
	check(d.Amount >= 0 && d.Amount <= sale.MaxAmount, "amount: want 0 to %d minor units, got %d", int64(sale.MaxAmount), d.Amount)
	check(currency(d.Currency), "currency: want three capital letters, got %.10q", d.Currency)
	return errors.Join(faults...)
}

// Parse reads a body that [Secrets.Verify] has accepted. Members that it does not need
// may be anything, because providers add some; those that it needs must be exactly right
// and be there once. A message of another type has its type read and nothing else. Its
// errors wrap ErrTooLarge or ErrMessage.
//
// The message's own timestamp is not among what it needs: a payment came when Redis
// recorded it.
func Parse(body []byte) (Message, error) {
	if err := bounded(body); err != nil {
		return Message{}, err
	}
	m, err := parse(body)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return m, nil
}

func parse(body []byte) (Message, error) {
	switch {
	case tooDeep(body):
		return Message{}, fmt.Errorf("it nests deeper than %d levels", maxDepth)
	case !json.Valid(body):
		return Message{}, errors.New("it is not JSON")
	}
	top, err := membersOf(body)
	if err != nil {
		return Message{}, err
	}
	m := Message{Type: top.text("type")}
	if !m.Read() {
		return m, errors.Join(top.faults...)
	}
	data, err := membersOf(top.values["data"])
	if err != nil {
		return Message{}, fmt.Errorf("data: %w", err)
	}
	m.Data = Data{
		Payment:  sale.PaymentID(data.text("payment")),
		Sale:     sale.ID(data.text("sale")),
		Order:    sale.OrderID(data.text("order")),
		Amount:   data.whole("amount"),
		Currency: data.text("currency"),
	}
	switch m.Type {
	case Refunded:
		m.Data.Refund = sale.PaymentID(data.text("refund"))
	case Disputed:
		m.Data.Dispute = sale.PaymentID(data.text("dispute"))
	}
	if data.faults != nil {
		return Message{}, errors.Join(data.faults...)
	}
	return m, m.Data.Validate()
}

// encode is the body of a message of the data's kind, sent at a time.
func (d Data) encode(at time.Time) []byte {
	body, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      Data      `json:"data"`
	}{d.kind(), at.UTC(), d})
	if err != nil {
		panic(err) // numbers, texts and times of these years always have a JSON form
	}
	return body
}

// canonical reports whether s is a UUID in the one form that orders have.
func canonical(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdef", rune(c)) {
				return false
			}
		}
	}
	return true
}

// currency reports whether s has the form of an ISO 4217 code.
func currency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
