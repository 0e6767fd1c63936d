// Package ledgertest is what the tests of packages ledger and postgres share: sales, orders and
// payments to record, the events that bring them, and a real PostgreSQL to record them in.
package ledgertest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// serial makes ids that no other test has.
var serial atomic.Int64

// NewID is the id of a sale that no other test has.
func NewID() sale.ID { return sale.ID(fmt.Sprintf("sale-%d", serial.Add(1))) }

// NewOrderID is the id of an order that no other test has.
func NewOrderID() sale.OrderID {
	return sale.OrderID(fmt.Sprintf("01900000-0000-7000-8000-%012x", serial.Add(1)))
}

// NewSale is a sale of so many tickets.
func NewSale(id sale.ID, total int64) sale.Sale {
	return sale.Sale{
		ID: id, Title: "Concert", Subtitle: "An evening", Lapses: 3, Kind: sale.Ticket, Price: 4200, Currency: "EUR",
		Total: total, Limit: 4, HoldFor: 10 * time.Minute, Rules: "No refunds.",
		Opens: 1_700_000_000_123, Closes: 1_800_000_000_456,
		Admission: sale.AdmitLine, DrawAt: 1_600_000_000_789, LineRate: 500, LineLimit: 1_000_000, ProofEasy: 30_000, Beacon: "drand quicknet 7",
		LineSecret: "0a", LineSeed: "0b", PayURL: "https://pay.example/{order}",
	}
}

// Start is the Redis time at which the tests' sales begin.
const Start sale.Instant = 1_700_000_000_001

// NewOrder is a hold of two tickets.
func NewOrder(buyer string, at sale.Instant) sale.Order {
	return sale.Order{
		ID: NewOrderID(), Buyer: sale.Buyer(buyer), Quantity: 2, State: sale.StateHeld,
		Created: at, Expires: at.Add(10 * time.Minute),
	}
}

// In is the order in another state.
func In(o sale.Order, s sale.State) sale.Order { o.State = s; return o }

// NewPayment is a payment that was applied to the order.
func NewPayment(o sale.Order, id string, at sale.Instant) sale.Payment {
	return sale.Payment{
		ID: sale.PaymentID(id), Message: sale.MessageID("msg-" + id), Order: o.ID, Amount: 8400, Currency: "EUR",
		State: sale.PaymentApplied, At: at,
	}
}

// Opened is the entry with which a sale's stream begins.
func Opened(d sale.Sale) sale.Event { return sale.Event{ID: "1-0", At: Start, Opened: &d} }

// Entry is the n-th one after it, n milliseconds later.
func Entry(n int, orders ...sale.Order) sale.Event {
	return sale.Event{ID: fmt.Sprintf("%d-0", n+1), At: Start + sale.Instant(n), Orders: orders}
}

// Applied is what the events come to, one by one and in the most naive way.
func Applied(events ...sale.Event) sale.Records {
	r := sale.NewRecords()
	for _, e := range events {
		r.Apply(e)
	}
	return r
}

// T is a test, or one run of a property.
type T interface {
	rapid.TB
	Context() context.Context
}

// Booked is a record that returns what it has of a sale.
type Booked interface {
	Book(ctx context.Context, id sale.ID) (sale.Book, error)
}

// Book is what the record has of a sale.
func Book(t T, s Booked, id sale.ID) sale.Book {
	t.Helper()
	b, err := s.Book(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// WantRecords compares what the record has of a sale.
func WantRecords(t T, s Booked, id sale.ID, want sale.Records) {
	t.Helper()
	if diff := cmp.Diff(want, Book(t, s, id).Records); diff != "" {
		t.Errorf("book (-want +got):\n%s", diff)
	}
}
