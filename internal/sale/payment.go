package sale

import "fmt"

// PaymentID is the payment provider's name for one payment. A provider that
// tells of the same payment twice uses the same one.
type PaymentID string

// MaxPaymentIDLength bounds a payment's id and a message's, in bytes.
const MaxPaymentIDLength = 128

// ParsePaymentID accepts 1 to 128 visible ASCII characters: the id is a field
// of Redis records that are separated by blanks.
func ParsePaymentID(s string) (PaymentID, error) {
	if err := word(s); err != nil {
		return "", fmt.Errorf("payment id %q: %w", clip(s), err)
	}
	return PaymentID(s), nil
}

// MessageID is the id under which a provider sent one message, which is the
// same each time that it sends it.
type MessageID string

// ParseMessageID accepts what [ParsePaymentID] accepts.
func ParseMessageID(s string) (MessageID, error) {
	if err := word(s); err != nil {
		return "", fmt.Errorf("message id %q: %w", clip(s), err)
	}
	return MessageID(s), nil
}

func word(s string) error {
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
// says that the money has gone back.
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
)

// Payment is money that a provider took for an order, and what became of it.
type Payment struct {
	ID       PaymentID
	Message  MessageID // the message that told of it
	Order    OrderID
	Amount   int64 // in the currency's minor unit
	Currency string
	State    PaymentState
	Reason   Reason
	At       Instant // when Redis heard of it
}

// PaymentPage is a part of a list of payments, oldest first.
type PaymentPage struct {
	Payments []Payment
	Next     string // where the next page begins; empty: there is none
}

// OrphanPage is the same of payments for sales that nobody knows.
type OrphanPage struct {
	Orphans []Orphan
	Next    string
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

// Refund is what became of an order that was refunded, and of the payment that had paid it.
type Refund struct {
	Receipt
	Payments PaymentPage // of the order: the first page
}
