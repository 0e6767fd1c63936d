package sale_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func closing(closed bool) sale.Event { return sale.Event{Closed: &closed} }

func holds(id sale.OrderID, quantity int, state sale.State) sale.Event {
	return sale.Event{Orders: []sale.Order{{ID: id, Buyer: "buyer of " + sale.Buyer(id), Quantity: quantity, State: state}}}
}

// events is a sale of 10 tickets, of which 3 are held, 4 paid and 2 ended, 5 came and 2 went.
func events() []sale.Event {
	opened := concert()
	opened.Total = 10
	paid := holds("b", 4, sale.StatePaid)
	paid.Payments = []sale.Payment{{ID: "p", Order: "b", State: sale.PaymentApplied}}
	return []sale.Event{
		{Opened: &opened}, holds("a", 3, sale.StateHeld), holds("b", 4, sale.StateHeld), paid,
		{Restock: &sale.Restock{Key: "more", Delta: 5}}, closing(true),
		holds("c", 1, sale.StateHeld), holds("d", 1, sale.StateHeld), holds("c", 1, sale.StateExpired), holds("d", 1, sale.StateRefunded),
		{Restock: &sale.Restock{Key: "less", Delta: -2}},
		{Payments: []sale.Payment{{ID: "q", Order: "c", State: sale.PaymentDue, Reason: sale.ReasonLate}}},
		{Payments: []sale.Payment{{ID: "q", Order: "c", State: sale.PaymentSettled, Reason: sale.ReasonLate}}},
	}
}

func apply(r *sale.Records, events ...sale.Event) {
	for _, e := range events {
		r.Apply(e)
	}
}

func TestRecordsFollowFromTheirEvents(t *testing.T) {
	got := sale.NewRecords()
	apply(&got, events()...)
	definition := concert()
	definition.Total, definition.Closed = 13, true
	order := func(id sale.OrderID, quantity int, state sale.State) sale.Order {
		return holds(id, quantity, state).Orders[0]
	}
	want := sale.Records{
		Sale: definition, Opened: 10, Restocks: map[string]int64{"more": 5, "less": -2},
		Orders: map[sale.OrderID]sale.Order{
			"a": order("a", 3, sale.StateHeld), "b": order("b", 4, sale.StatePaid), "c": order("c", 1, sale.StateExpired), "d": order("d", 1, sale.StateRefunded),
		},
		Payments: map[sale.PaymentID]sale.Payment{
			"p": {ID: "p", Order: "b", State: sale.PaymentApplied},
			"q": {ID: "q", Order: "c", State: sale.PaymentSettled, Reason: sale.ReasonLate},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	counters := sale.Counters{Total: 13, Remaining: 6, Held: 3, Paid: 4}
	if got := got.Counters(); got != counters || !got.Conserved() {
		t.Errorf("got counters %+v, want %+v", got, counters)
	}
	if got := got.Sold(); got != 7 {
		t.Errorf("got %d tickets sold, want 7", got)
	}
}

func TestApplyingAnEventTwiceChangesNothingMore(t *testing.T) {
	events := events()
	once, twice, again := sale.NewRecords(), sale.NewRecords(), sale.NewRecords()
	apply(&once, events...)
	for _, e := range events {
		apply(&twice, e, e)
	}
	// A ledger that was killed before it could forget reads all of a batch again.
	apply(&again, events...)
	apply(&again, events...)
	for name, got := range map[string]sale.Records{"one by one": twice, "all of them": again} {
		if diff := cmp.Diff(once, got); diff != "" {
			t.Errorf("%s (-once +twice):\n%s", name, diff)
		}
	}
}

func TestAnEmptyEventChangesNothing(t *testing.T) {
	got, want := sale.NewRecords(), sale.NewRecords()
	apply(&got, events()...)
	apply(&want, events()...)
	apply(&got, sale.Event{ID: "7-7", Fault: "can't be read", Raw: "[]"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestTheLastClosingOrReopeningCounts(t *testing.T) {
	r := sale.NewRecords()
	apply(&r, events()...)
	for _, closed := range []bool{false, true, true, false} {
		if r.Apply(closing(closed)); r.Sale.Closed != closed {
			t.Errorf("got closed %v, want %v", r.Sale.Closed, closed)
		}
	}
}

// Before a ledger knows a sale, the events alone count.
func TestTheTotalIsCountedFromWhatIsKnown(t *testing.T) {
	r := sale.NewRecords()
	for _, step := range []struct {
		event sale.Event
		want  sale.Counters
	}{
		{holds("a", 2, sale.StateHeld), sale.Counters{Remaining: -2, Held: 2}},
		{events()[0], sale.Counters{Total: 10, Remaining: 8, Held: 2}},
		{sale.Event{Restock: &sale.Restock{Key: "k", Delta: 1}}, sale.Counters{Total: 11, Remaining: 9, Held: 2}},
		{holds("a", 2, sale.StateCancelled), sale.Counters{Total: 11, Remaining: 11}},
	} {
		r.Apply(step.event)
		if got := r.Counters(); got != step.want || r.Sale.Total != step.want.Total {
			t.Errorf("got counters %+v and total %d, want %+v", got, r.Sale.Total, step.want)
		}
	}
}

func TestACloneSharesNothing(t *testing.T) {
	r, want := sale.NewRecords(), sale.NewRecords()
	apply(&r, events()...)
	apply(&want, events()...)
	clone := r.Clone()
	if diff := cmp.Diff(r, clone); diff != "" {
		t.Errorf("clone (-records +clone):\n%s", diff)
	}
	apply(&clone, closing(false), holds("z", 1, sale.StateHeld), sale.Event{Restock: &sale.Restock{Key: "z", Delta: 1}},
		sale.Event{Payments: []sale.Payment{{ID: "z"}}})
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("the records have changed with their clone (-before +after):\n%s", diff)
	}
}

func TestSomeNodesSell(t *testing.T) {
	view := sale.View{{Name: "a", Weight: 1, Ready: true}, {Name: "b", Weight: 2}, {Name: "c", Weight: 4, Ready: true, Draining: true}, {Name: "d", Weight: 8, Ready: true}}
	if diff := cmp.Diff(sale.View{view[0], view[3]}, view.Selling()); diff != "" {
		t.Errorf("selling (-want +got):\n%s", diff)
	}
	if got := view.Weight(); got != 9 {
		t.Errorf("got weight %d, want 9", got)
	}
}

// A stream that waits for a ledger may hold hundreds of thousands of entries.
// To count all orders at every entry would take half a minute here, to fold
// them a tenth of a second.
func TestALongStreamIsFoldedAtOnce(t *testing.T) {
	r := sale.NewRecords()
	start := time.Now()
	for i := range 64_000 {
		r.Apply(holds(sale.OrderID(strconv.Itoa(i)), 1, sale.StateHeld))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("64,000 entries took %v", took)
	}
}
