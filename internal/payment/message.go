package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"onsale/internal/sale"
)

// Succeeded is the type of the one message that pays an order.
const Succeeded = "payment.succeeded"

// ErrMessage: the body is not a message that can be read, though somebody who knows a
// secret may have signed it. The detail says what is wrong with it. Returned by Parse.
var ErrMessage = errors.New("the message can't be read")

// Message is what a provider tells.
type Message struct {
	Type string
	Data Data // zero unless the message Succeeded
}

// Succeeded reports whether the message says that an order was paid. Providers send
// messages of many types to one address; those that don't are to be acknowledged, and
// nothing more.
func (m Message) Succeeded() bool { return m.Type == Succeeded }

// Payment is the sale and the payment to report to Redis, where the message succeeded; id
// is the message's own, from Verify. State, reason and time are not the provider's to tell.
func (m Message) Payment(id sale.MessageID) (sale.ID, sale.Payment) {
	d := m.Data
	return d.Sale, sale.Payment{ID: d.Payment, Message: id, Order: d.Order, Amount: d.Amount, Currency: d.Currency}
}

// Data is the payment that a message tells of.
type Data struct {
	Payment  sale.PaymentID `json:"payment"`
	Sale     sale.ID        `json:"sale"`
	Order    sale.OrderID   `json:"order"`
	Amount   int64          `json:"amount"`   // in the currency's minor unit
	Currency string         `json:"currency"` // ISO 4217, such as "EUR"
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
// The message's own timestamp is not among what it needs: when a payment came is when
// Redis heard of it.
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
	if !m.Succeeded() {
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
	if data.faults != nil {
		return Message{}, errors.Join(data.faults...)
	}
	return m, m.Data.Validate()
}

// encode is the body of a message that says at a time that an order was paid.
func (d Data) encode(at time.Time) []byte {
	body, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      Data      `json:"data"`
	}{Succeeded, at.UTC(), d})
	if err != nil {
		panic(err) // numbers, texts and times of this era always have a JSON form
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
