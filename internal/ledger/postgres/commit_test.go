package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

func TestBookIsWhatWasCommitted(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	closed := true
	o, p := newOrder("ada", start+1), newOrder("bob", start+2)
	payment := newPayment(o, "pay_1", start+3)
	events := []sale.Event{
		opened(newSale(id, 100)), entry(1, o, p),
		{ID: "3-0", At: start + 3, Orders: []sale.Order{in(o, sale.StatePaid)}, Payments: []sale.Payment{payment}},
		{ID: "4-0", At: start + 4, Restock: &sale.Restock{Key: "more", Delta: -7}},
		{ID: "5-0", At: start + 5, Closed: &closed},
	}
	commit(t, s, id, events...)
	wantRecords(t, s, id, applied(events...))
	want := map[sale.OrderID]sale.Instant{o.ID: start + 3, p.ID: start + 1}
	if diff := cmp.Diff(want, book(t, s, id).Changed); diff != "" {
		t.Errorf("when the states came (-want +got):\n%s", diff)
	}
	t.Run("again changes nothing", func(t *testing.T) {
		before := book(t, s, id)
		for i := range events {
			commit(t, s, id, events[i:]...)
			commit(t, s, id, events[i])
		}
		if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
			t.Errorf("book (-before +after):\n%s", diff)
		}
	})
	t.Run("and it is listed", func(t *testing.T) {
		got, err := s.Sales(context.Background())
		if err != nil || !slices.Contains(got, id) {
			t.Errorf("got %s (%v), want %s in it", got, err, id)
		}
	})
}

// TestOrderTakesNoArrowButItsOwn commits every state after every other: a terminal order is
// never revived, whatever is sent again.
func TestOrderTakesNoArrowButItsOwn(t *testing.T) {
	s, id := sold(t)
	for i, from := range states {
		for j, to := range states {
			o := newOrder(fmt.Sprintf("buyer-%d-%d", i, j), start)
			commit(t, s, id, entry(1, in(o, from)))
			commit(t, s, id, entry(2, in(o, to)))
			want, at := from, start+1
			if allowed := map[string]bool{
				"held paid": true, "held expired": true, "held cancelled": true, "held refunded": true, "paid refunded": true,
			}; allowed[string(from)+" "+string(to)] {
				want, at = to, start+2
			}
			b := book(t, s, id)
			if got := b.Orders[o.ID].State; got != want || b.Changed[o.ID] != at {
				t.Errorf("%s, then %s: got %s since %d, want %s since %d", from, to, got, b.Changed[o.ID], want, at)
			}
		}
	}
}

func TestPaymentOnlyGoesForward(t *testing.T) {
	s, id := sold(t)
	o := newOrder("ada", start)
	for i, from := range steps {
		for j, to := range steps {
			p := newPayment(o, fmt.Sprintf("pay_%d_%d", i, j), start)
			state := func(s sale.PaymentState) sale.Payment {
				q := p
				if q.State = s; s != sale.PaymentApplied {
					q.Reason = sale.ReasonRefunded
				}
				return q
			}
			commit(t, s, id, sale.Event{ID: "2-0", At: start, Payments: []sale.Payment{state(from)}})
			commit(t, s, id, sale.Event{ID: "3-0", At: start + 7, Payments: []sale.Payment{state(to)}})
			want, since := state(steps[max(i, j)]), start
			if j > i {
				since = start + 7 // when it came to its state; a repetition is no news
			}
			b := book(t, s, id)
			if diff := cmp.Diff(want, b.Payments[p.ID]); diff != "" || b.PaymentsChanged[p.ID] != since {
				t.Errorf("%s, then %s: got it since %d, want %d (-want +got):\n%s", from, to, b.PaymentsChanged[p.ID], since, diff)
			}
		}
	}
}

// A part of a payment is recorded with the payment that it is a part of.
func TestAPartIsRecorded(t *testing.T) {
	s, id := sold(t)
	o := newOrder("ada", start)
	p, part := newPayment(o, "pay_1", start), newPayment(o, "re_1", start+1)
	part.Amount, part.Of, part.State, part.Reason = 300, p.ID, sale.PaymentDue, sale.ReasonPartial
	commit(t, s, id, entry(1, in(o, sale.StatePaid)), sale.Event{ID: "2-0", At: start, Payments: []sale.Payment{p, part}})
	if diff := cmp.Diff(part, book(t, s, id).Payments[part.ID]); diff != "" {
		t.Errorf("the part (-want +got):\n%s", diff)
	}
	for i, reason := range []sale.Reason{sale.ReasonReturned, sale.ReasonDisputed} {
		q := part
		q.ID, q.State, q.Reason = sale.PaymentID(fmt.Sprint("re_", i+2)), sale.PaymentSettled, reason
		commit(t, s, id, sale.Event{ID: "3-0", At: start, Payments: []sale.Payment{q}})
		if diff := cmp.Diff(q, book(t, s, id).Payments[q.ID]); diff != "" {
			t.Errorf("the part (-want +got):\n%s", diff)
		}
	}
	settled := part
	settled.State = sale.PaymentSettled
	commit(t, s, id, sale.Event{ID: "4-0", At: start + 2, Payments: []sale.Payment{settled}})
	if diff := cmp.Diff(settled, book(t, s, id).Payments[part.ID]); diff != "" {
		t.Errorf("the part once it was settled (-want +got):\n%s", diff)
	}
	settled.Of = "pay_2"
	err := s.Commit(context.Background(), id, 1, ledger.Fold([]sale.Event{{ID: "5-0", At: start + 3, Payments: []sale.Payment{settled}}}))
	if !errors.Is(err, ledger.ErrRefused) {
		t.Errorf("a part of another payment: got %v, want ErrRefused", err)
	}
	bad := ledger.Fold([]sale.Event{{ID: "6-0", At: start, Payments: []sale.Payment{{
		ID: "re_9", Message: "m", Order: o.ID, Amount: 1, Currency: "EUR", State: sale.PaymentDue, Reason: sale.ReasonLate, Of: "a b", At: start,
	}}}})
	if len(bad.Payments) != 0 || len(bad.Quarantined) != 1 {
		t.Errorf("got %+v, want a part that names no payment quarantined", bad)
	}
	late := part
	late.Reason = sale.ReasonLate
	if bad := ledger.Fold([]sale.Event{{ID: "7-0", At: start, Payments: []sale.Payment{late}}}); len(bad.Payments) != 0 || len(bad.Quarantined) != 1 {
		t.Errorf("got %+v, want a part for a reason of whole payments quarantined", bad)
	}
}

func TestBuyerOrdersAgain(t *testing.T) {
	for _, end := range []sale.State{sale.StateExpired, sale.StateCancelled, sale.StateRefunded} {
		first, second := newOrder("ada", start), newOrder("ada", start+2)
		events := []sale.Event{entry(1, first), entry(2, in(first, end)), entry(3, second)}
		t.Run("after "+string(end)+", all in one batch", func(t *testing.T) {
			s, id := sold(t)
			commit(t, s, id, events...)
			wantState(t, s, id, first.ID, end)
			wantState(t, s, id, second.ID, sale.StateHeld)
		})
	}
	t.Run("as soon as the first order ends", func(t *testing.T) {
		s, id := sold(t)
		first, second := newOrder("ada", start), newOrder("ada", start+2)
		commit(t, s, id, entry(1, first))
		// The new order stands before the end of the old one, as a fold may have it.
		b := ledger.Batch{Orders: []ledger.Change{{Order: second, At: start + 2}, {Order: in(first, sale.StateExpired), At: start + 2}}}
		if err := s.Commit(context.Background(), id, 1, b); err != nil {
			t.Fatal(err)
		}
		commit(t, s, id, entry(1, first)) // the old hold once more
		wantState(t, s, id, first.ID, sale.StateExpired)
		wantState(t, s, id, second.ID, sale.StateHeld)
	})
}

func wantState(t testing.TB, s *Store, id sale.ID, order sale.OrderID, want sale.State) {
	t.Helper()
	if got := book(t, s, id).Orders[order].State; got != want {
		t.Errorf("order %s: got %q, want %q", order, got, want)
	}
}

// TestContradictionIsRefused: nothing of a batch that contradicts the record is written, and
// none is written in silence.
func TestContradictionIsRefused(t *testing.T) {
	s, id := sold(t)
	o := newOrder("ada", start)
	p := newPayment(o, "pay_1", start)
	restock := func(delta int64) *sale.Restock { return &sale.Restock{Key: "more", Delta: delta} }
	commit(t, s, id, entry(1, o), sale.Event{ID: "3-0", At: start, Payments: []sale.Payment{p}, Restock: restock(5)})
	_, other := sold(t)

	changed := newSale(id, 100)
	changed.Price++
	total := newSale(id, 101)
	otherBuyer, otherQuantity, otherAmount, otherOrder := o, o, p, p
	otherBuyer.Buyer, otherQuantity.Quantity, otherAmount.Amount, otherOrder.Order = "eve", 1, 1, newOrderID()
	for name, c := range map[string]struct {
		id    sale.ID
		event sale.Event
	}{
		"a second live order":       {id, entry(9, newOrder("ada", start))},
		"a second live, paid order": {id, entry(9, in(newOrder("ada", start), sale.StatePaid))},
		"another buyer":             {id, entry(9, otherBuyer)},
		"another buyer at its end":  {id, entry(9, in(otherBuyer, sale.StateExpired))},
		"another quantity":          {id, entry(9, otherQuantity)},
		"another sale":              {other, entry(9, o)},
		"another definition":        {id, opened(changed)},
		"another total":             {id, opened(total)},
		"another delta":             {id, sale.Event{ID: "9-0", At: start, Restock: restock(6)}},
		"another amount":            {id, sale.Event{ID: "9-0", At: start, Payments: []sale.Payment{otherAmount}}},
		"another payment's order":   {id, sale.Event{ID: "9-0", At: start, Payments: []sale.Payment{otherOrder}}},
	} {
		t.Run(name, func(t *testing.T) {
			before, innocent := book(t, s, c.id), newOrder("innocent", start)
			err := s.Commit(context.Background(), c.id, 2, ledger.Fold([]sale.Event{entry(8, innocent), c.event}))
			if !errors.Is(err, ledger.ErrRefused) || errors.Is(err, ledger.ErrAway) {
				t.Errorf("got %v, want %v", err, ledger.ErrRefused)
			}
			if diff := cmp.Diff(before, book(t, s, c.id)); diff != "" {
				t.Errorf("book (-before +after):\n%s", diff)
			}
		})
	}
}

func TestFence(t *testing.T) {
	ctx := context.Background()
	s, id := sold(t) // under token 1
	write := func(token sale.Generation) (sale.OrderID, error) {
		o := newOrder(string(newOrderID()), start)
		return o.ID, s.Commit(ctx, id, token, ledger.Fold([]sale.Event{entry(1, o)}))
	}
	for _, c := range []struct {
		token sale.Generation
		want  error
	}{{5, nil}, {4, sale.ErrFenced}, {5, nil}, {6, nil}, {5, sale.ErrFenced}} {
		order, err := write(c.token)
		if !errors.Is(err, c.want) {
			t.Errorf("token %d: got %v, want %v", c.token, err, c.want)
		}
		if _, got := book(t, s, id).Orders[order]; got != (c.want == nil) {
			t.Errorf("token %d: got the order written: %v, want %v", c.token, got, c.want == nil)
		}
	}
	t.Run("an empty batch raises it", func(t *testing.T) {
		if err := s.Commit(ctx, id, 9, ledger.Batch{}); err != nil {
			t.Fatal(err)
		}
		if _, err := write(8); !errors.Is(err, sale.ErrFenced) {
			t.Errorf("got %v, want %v", err, sale.ErrFenced)
		}
	})
}

func TestUnknownSaleIsNoSale(t *testing.T) {
	ctx, s, id := context.Background(), openStore(t, ledgertest.Server.URL()), newID()
	if err := s.Commit(ctx, id, 7, ledger.Fold([]sale.Event{entry(1, newOrder("ada", start))})); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("commit: got %v, want %v", err, sale.ErrNoSale)
	}
	if _, err := s.Book(ctx, id); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("book: got %v, want %v", err, sale.ErrNoSale)
	}
	// Not even the fence stays of it.
	if err := s.Commit(ctx, id, 1, ledger.Fold([]sale.Event{opened(newSale(id, 1))})); err != nil {
		t.Errorf("got %v, want the sale opened under a lower token", err)
	}
}

func TestClosedIsOfTheLatestEvent(t *testing.T) {
	s, id := sold(t)
	yes, no := true, false
	at := func(n int, closed *bool) sale.Event {
		return sale.Event{ID: fmt.Sprintf("%d-0", n), At: start + sale.Instant(n), Closed: closed}
	}
	for _, c := range []struct {
		name   string
		events []sale.Event
		want   bool
	}{
		{"closed", []sale.Event{at(5, &yes)}, true},
		{"reopened by an older event", []sale.Event{at(4, &no)}, true},
		{"closed again by the same event", []sale.Event{at(5, &yes)}, true},
		{"reopened in the same millisecond", []sale.Event{at(5, &no)}, false},
		{"reopened and closed in one batch", []sale.Event{at(6, &no), at(7, &yes)}, true},
		{"opened, sent again", []sale.Event{opened(newSale(id, 100))}, true},
	} {
		commit(t, s, id, c.events...)
		if got := book(t, s, id).Sale.Closed; got != c.want {
			t.Errorf("%s: got closed %v, want %v", c.name, got, c.want)
		}
	}
}
