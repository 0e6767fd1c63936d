package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// unionOf is a union of these records upon what the ledger has, for the next epoch.
func unionOf(t testing.TB, s *Store, id sale.ID, r sale.Records) ledger.Union {
	t.Helper()
	c, err := s.Chain(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	next := sale.Chain{Life: "life", Mark: sale.Mark{Epoch: c.Epoch + 1, Seq: c.Seq + 7, Link: "life"}}
	return ledger.Union{Records: r, Before: book(t, s, id).Records, Was: c, Chain: next, Fence: string(newOrderID()), Plan: "the plan", At: start + 99}
}

func unite(t testing.TB, s *Store, id sale.ID, r sale.Records) {
	t.Helper()
	u := unionOf(t, s, id, r)
	if err := s.Unite(t.Context(), id, 1, u); err != nil {
		t.Fatalf("unite: %v", err)
	}
	wantRecords(t, s, id, r)
	wantChain(t, s, id, u.Chain)
}

// TestUnionOverwritesStatesBothWays: what was decided counts, also where an event could not
// bring it.
func TestUnionOverwritesStatesBothWays(t *testing.T) {
	s, id := sold(t)
	r := book(t, s, id).Records
	var orders []sale.Order
	for i, from := range states {
		for j := range states {
			o := newOrder(fmt.Sprintf("buyer-%d-%d", i, j), start)
			orders = append(orders, o)
			commit(t, s, id, entry(1, in(o, from)))
			r.Orders[o.ID] = in(o, states[j])
		}
	}
	unite(t, s, id, r)
	changed := book(t, s, id).Changed
	for i, o := range orders {
		from, to := states[i/len(states)], states[i%len(states)]
		want := start + 99
		if from == to {
			want = start + 1 // as the event brought it
		} else if to == sale.StateHeld {
			want = o.Created
		}
		if got := changed[o.ID]; got != want {
			t.Errorf("%s, then %s: got it since %d, want %d", from, to, got, want)
		}
	}
	t.Run("and payments", func(t *testing.T) {
		r := book(t, s, id).Records
		for i, from := range steps {
			for j, to := range steps {
				p := newPayment(orders[0], fmt.Sprintf("pay_%d_%d", i, j), start)
				p.State, p.Reason = from, reasonOf(from)
				commit(t, s, id, sale.Event{ID: "2-0", At: start, Payments: []sale.Payment{p}})
				p.State, p.Reason, p.At, p.Message = to, reasonOf(to), start-5, "earlier"
				if to != sale.PaymentApplied { // one record had a payment, the other a part under its id
					p.Of, p.Reason = "another", sale.ReasonPartial
				}
				r.Payments[p.ID] = p
			}
		}
		unite(t, s, id, r)
	})
	t.Run("and the sale's terms", func(t *testing.T) {
		r := book(t, s, id).Records
		r.Restocks["a"], r.Restocks["b"] = 5, -3
		r.Sale.Total = r.Counters().Total
		unite(t, s, id, r)
		r.Restocks["a"], r.Restocks["c"] = 6, 1
		r.Sale.Closed, r.Sale.Title, r.Sale.Price, r.Opened = true, "Another", 1, 101
		r.Sale.Total = r.Counters().Total
		unite(t, s, id, r)
		r.Sale.Closed = false
		unite(t, s, id, r)
	})
}

func reasonOf(s sale.PaymentState) sale.Reason {
	if s == sale.PaymentApplied {
		return sale.ReasonNone
	}
	return sale.ReasonLate
}

// TestUnionEndsOrdersBeforeItMakesLiveOnes: the index of live orders sees every statement.
func TestUnionEndsOrdersBeforeItMakesLiveOnes(t *testing.T) {
	s, id := sold(t)
	first, second, third := newOrder("ada", start), newOrder("ada", start+1), newOrder("ada", start+2)
	commit(t, s, id, entry(1, first))
	r := book(t, s, id).Records
	r.Orders[first.ID], r.Orders[second.ID] = in(first, sale.StateExpired), second
	unite(t, s, id, r)
	// The ended one lives again, and the live one ends.
	r.Orders[first.ID], r.Orders[second.ID] = in(first, sale.StatePaid), in(second, sale.StateCancelled)
	unite(t, s, id, r)
	before := book(t, s, id)
	r = before.Clone()
	r.Orders[third.ID] = third
	if err := s.Unite(t.Context(), id, 1, unionOf(t, s, id, r)); !errors.Is(err, ledger.ErrRefused) {
		t.Errorf("two live orders of a buyer: got %v, want %v", err, ledger.ErrRefused)
	}
	if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
		t.Errorf("book (-before +after):\n%s", diff)
	}
}

// TestUnionIsRefused where the record is not as it was read: nothing of it is written.
func TestUnionIsRefused(t *testing.T) {
	ctx, s, id := context.Background(), openStore(t, ledgertest.Server.URL()), newID()
	k := newHistory(id, 5)
	if err := s.Commit(ctx, id, 5, k.batchOf(0, 4)); err != nil {
		t.Fatal(err)
	}
	r := k.Records()
	u := unionOf(t, s, id, r)
	want := func(name string, token sale.Generation, u ledger.Union, target error) {
		t.Helper()
		before := book(t, s, id)
		if err := s.Unite(ctx, id, token, u); !errors.Is(err, target) {
			t.Errorf("%s: got %v, want %v", name, err, target)
		}
		if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
			t.Errorf("%s: book (-before +after):\n%s", name, diff)
		}
	}
	want("an older token", 4, u, sale.ErrFenced)
	sameEpoch := u
	sameEpoch.Chain.Epoch = 1
	want("an epoch that has begun", 5, sameEpoch, sale.ErrStale)
	unread := u
	unread.Was, unread.Before = sale.Chain{}, sale.Records{}
	want("a sale that was not there", 5, unread, sale.ErrStale)
	if err := s.Commit(ctx, id, 5, k.batchOf(4, 6)); err != nil {
		t.Fatal(err)
	}
	want("a batch committed since", 5, u, sale.ErrStale)
	u = unionOf(t, s, id, r)
	if err := s.Unite(ctx, id, 6, u); err != nil {
		t.Fatal(err)
	}
	want("twice, after a lost reply", 6, u, sale.ErrStale)
	want("a reader that was paused", 5, u, sale.ErrFenced)
	if err := s.Commit(ctx, id, 6, k.batchOf(4, 6)); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("a batch upon the record of before: got %v, want %v", err, ledger.ErrMoved)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Unite(gone, id, 7, unionOf(t, s, id, r)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestReconciliationsAreKept with their plans as text.
func TestReconciliationsAreKept(t *testing.T) {
	s, id := sold(t)
	unite(t, s, id, book(t, s, id).Records)
	unite(t, s, id, book(t, s, id).Records)
	var n int
	row := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM reconciliations WHERE sale = $1 AND plan = 'the plan' AND epoch IN (1, 2)`, id)
	if err := row.Scan(&n); err != nil || n != 2 {
		t.Errorf("got %d (%v), want 2", n, err)
	}
}

// TestAFreeOrderThatANodeGivesBackWasPaidWhenItWasTaken: the record had it paid since the reconciliation,
// as an order whose payment nobody knows the time of.
func TestAFreeOrderThatANodeGivesBackWasPaidWhenItWasTaken(t *testing.T) {
	s, id := sold(t)
	free, held, paid := newOrder("ada", start+1), newOrder("bob", start+2), in(newOrder("cid", start+3), sale.StatePaid)
	free = in(free, sale.StatePaid)
	free.Expires = free.Created
	r := book(t, s, id).Records
	for _, o := range []sale.Order{free, held, paid} {
		r.Orders[o.ID] = o
	}
	u := unionOf(t, s, id, r)
	if err := s.Unite(t.Context(), id, 1, u); err != nil {
		t.Fatal(err)
	}
	b := book(t, s, id)
	for _, test := range []struct {
		order sale.Order
		since sale.Instant
	}{{free, free.Created}, {held, held.Created}, {paid, u.At}} {
		if o := test.order; b.Orders[o.ID] != o || b.Changed[o.ID] != test.since {
			t.Errorf("got %+v since %d, want %+v since %d", b.Orders[o.ID], b.Changed[o.ID], o, test.since)
		}
	}
}

func TestLargeUnionIsWritten(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	r := sale.NewRecords()
	r.Sale, r.Opened = newSale(id, 1_000_000), 1_000_000
	r.Sale.Closed = true
	r.Restocks["a"], r.Restocks["b"] = 10, -3
	r.Sale.Total = r.Counters().Total
	for i := range 2*ordersAtOnce + 7 {
		o := in(newOrder(fmt.Sprint("buyer", i), start+sale.Instant(i)), states[i%len(states)])
		r.Orders[o.ID] = o
		if o.State == sale.StatePaid {
			p := newPayment(o, fmt.Sprint("pay_", i), o.Created)
			r.Payments[p.ID] = p
		}
	}
	at := start.Add(1e12)
	u := ledger.Union{Records: r, Chain: sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 1, Seq: 9, Link: "life"}}, At: at}
	if err := s.Unite(context.Background(), id, 1, u); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, s, id, r)
	for order, got := range book(t, s, id).Changed {
		want := at
		if o := r.Orders[order]; o.State == sale.StateHeld {
			want = o.Created
		}
		if got != want {
			t.Fatalf("order in state %s: got it since %d, want %d", r.Orders[order].State, got, want)
		}
	}
}
