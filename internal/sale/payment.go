package sale

import "fmt"

// PaymentID is the payment provider's name for one payment. A provider that
// reports the same payment twice uses the same one.
type PaymentID string

// MaxPaymentIDLength bounds a payment's id and a message's, in bytes.
const MaxPaymentIDLength = 128

// ParsePaymentID accepts 1 to 128 visible ASCII characters: the id is a field
// of Redis records that are separated by blanks.
func ParsePaymentID(s string) (PaymentID, error) {
	if err := visible(s); err != nil {
		return "", fmt.Errorf("payment id %q: %w", clip(s), err)
	}
	return PaymentID(s), nil
}

// MessageID is the id under which a provider sent one message, which is the
// same each time that it sends it.
type MessageID string

// ParseMessageID accepts what [ParsePaymentID] accepts.
func ParseMessageID(s string) (MessageID, error) {
	if err := visible(s); err != nil {
		return "", fmt.Errorf("message id %q: %w", clip(s), err)
	}
	return MessageID(s), nil
}

func visible(s string) error {
	if s == "" || len(s) > MaxPaymentIDLength {
		return fmt.Errorf("want 1 to %d bytes", MaxPaymentIDLength)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("byte %d is not a visible ASCII character", i)
		}
	}
	return nil
}

// PaymentState is where a payment stands.
type PaymentState string

// A payment is applied to its order or due to go back; an applied one falls
// due when its order is refunded, and a due one is settled when an operator
// reports that the money has gone back.
const (
	PaymentApplied PaymentState = "applied"
	PaymentDue     PaymentState = "due"
	PaymentSettled PaymentState = "settled"
)

// Reason is why a payment is due to go back.
type Reason string

// The reasons of a refund that is due.
const (
	ReasonNone     Reason = ""         // it is not
	ReasonLate     Reason = "late"     // the order had expired or was cancelled
	ReasonDoubled  Reason = "doubled"  // another payment had paid the order
	ReasonAmount   Reason = "amount"   // not the order's amount or currency
	ReasonRefunded Reason = "refunded" // an operator refunded the order
	ReasonOrphan   Reason = "orphan"   // no record has the order, or its sale
	ReasonPartial  Reason = "partial"  // a part: an operator wants it to go back
	// ReasonReturned: the provider reported that a part has gone back; or that the payment
	// has, before it reported the payment itself.
	ReasonReturned Reason = "returned"
	ReasonDisputed Reason = "disputed" // a part that the buyer's bank has taken back
)

// Payment is money that a provider took for an order, or a part of it that goes back, and
// what became of it.
type Payment struct {
	ID       PaymentID
	Message  MessageID // the message that reported it
	Order    OrderID
	Amount   int64 // in the currency's minor unit
	Currency string
	State    PaymentState
	Reason   Reason
	At       Instant // when Redis recorded it
	// Of is empty, or the payment that this is a part of: money that goes back, or has gone,
	// while the order stays as it is. A part is due or settled, and never applied.
	Of PaymentID
}

// paymentLine is how Redis, its stream and the scripts keep a payment, beside its id. The
// scripts carry on what they do not know. One more field is one more line here, after the
// last.
var paymentLine = line[Payment]{placed: 8, least: 7, fields: []field[Payment]{
	text("state", func(p *Payment) *PaymentState { return &p.State }),
	zeroAs("-", text("reason", func(p *Payment) *Reason { return &p.Reason })),
	number("amount", 1, func(p *Payment) *int64 { return &p.Amount }),
	text("currency", func(p *Payment) *string { return &p.Currency }),
	number("at", 1, func(p *Payment) *Instant { return &p.At }),
	text("order", func(p *Payment) *OrderID { return &p.Order }),
	text("message", func(p *Payment) *MessageID { return &p.Message }),
	text("of", func(p *Payment) *PaymentID { return &p.Of }),
}}

// Encode is the payment as records keep it, beside its id.
func (p Payment) Encode() string { return paymentLine.encode(p) }

// DecodePayment is the inverse of Encode. It ignores fields of a later version.
func DecodePayment(id PaymentID, record string) (Payment, error) {
	p, err := paymentLine.decode(record)
	p.ID = id
	return p, err
}

// Same reports whether both are reports of one payment. Of what else is known about it, the
// first report counts.
func (p Payment) Same(q Payment) bool {
	return p.ID == q.ID && p.Of == q.Of && p.Order == q.Order && p.Amount == q.Amount && p.Currency == q.Currency
}

// Gone reports whether so much, that goes back in parts, is all of the payment. Of a
// payment of nothing it never is.
func (p Payment) Gone(parts int64) bool { return parts > 0 && parts >= p.Amount }

// PaymentPage is a part of a list of payments, oldest first.
type PaymentPage struct {
	Payments []Payment
	Refunded map[PaymentID]int64 // how much goes back in parts, or has, of those of which any does
	Next     string              // where the next page begins; empty: there is none
}

// OrphanPage is the same of payments for sales that nobody knows.
type OrphanPage struct {
	Orphans  []Orphan
	Refunded map[PaymentID]int64
	Next     string
}

// MaxPage is how many payments a page has at most: Redis serves nobody else while it
// reads one.
const MaxPage = 1000

// Orphan is a payment for a sale that nobody knows. It is due to go back.
type Orphan struct {
	Sale ID
	Payment
}

// Receipt is what became of a payment that was reported.
type Receipt struct {
	Order    Order
	Payment  Payment
	Replayed bool // it had been reported before, and this changed nothing
}

// Refund is what became of an order that was refunded, and of the payment that had paid it;
// or of an order that stays as it is, and of the part of its payment that goes back.
type Refund struct {
	Receipt
	Payments PaymentPage // of the order: the first page
}
