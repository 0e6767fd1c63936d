package audit_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

func TestLedger(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot, *sale.Book)
		want   []string
	}{
		"that has committed everything has no fault": {func(*sale.Snapshot, *sale.Book) {}, nil},
		"that set entries aside": {func(_ *sale.Snapshot, b *sale.Book) { b.Unreadable = 2 },
			[]string{`ledger: 2 stream entries could not be read and were quarantined, see its table unreadable`}},

		"with another price": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Price++ },
			[]string{`the sale is \{.* Price:1000 .*\} in Redis, and \{.* Price:1001 .*\} in the ledger`}},
		"with other terms": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Rules = "No refunds." }, []string{`the sale is .*`}},
		"with another subtitle": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Subtitle = "An evening" },
			[]string{`the sale is \{.* Subtitle: .*\} in Redis, and \{.* Subtitle:An evening .*\} in the ledger`}},
		"with another end": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Closes = noon.Add(1) }, []string{`the sale is .*`}},
		"with a sale that is closed there": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Closed = true },
			[]string{`the sale is \{.* Closed:false\} in Redis, and \{.* Closed:true\} in the ledger`}},
		"with another total":                {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Total++ }, []string{`the sale is .*`}},
		"that opened it with another total": {func(_ *sale.Snapshot, b *sale.Book) { b.Opened-- }, []string{`the sale is .*`}},

		"without a restock": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Restocks, "less") },
			[]string{`restock "less" by -5 is 0 in the ledger`}},
		"without a restock of nothing": {func(s *sale.Snapshot, _ *sale.Book) { s.Restocks["none"] = 0 },
			[]string{`restock "none" by 0 is 0 in the ledger`}},
		"with a restock of another size": {func(_ *sale.Snapshot, b *sale.Book) { b.Restocks["more"] = 21 },
			[]string{`restock "more" by 20 is 21 in the ledger`}},
		"with one restock more": {func(_ *sale.Snapshot, b *sale.Book) { b.Restocks["another"] = 1 },
			[]string{`restock "another" by 1 is in the ledger alone`}},

		"without an order": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Orders, "a"); delete(b.Changed, "a") },
			[]string{`order a is held in Redis, not in the ledger, and not in flight`}},
		"with an order of another state": {func(_ *sale.Snapshot, b *sale.Book) { b.Orders["c"] = order("c", "cid", 3, sale.StateHeld) },
			[]string{`order c is expired in Redis and held in the ledger with what is in flight`}},
		"with another's order": {func(_ *sale.Snapshot, b *sale.Book) { b.Orders["a"] = order("a", "zoe", 1, sale.StateHeld) },
			[]string{`order a is held in Redis and held in the ledger with what is in flight`}},
		"with a larger order": {func(_ *sale.Snapshot, b *sale.Book) { b.Orders["a"] = order("a", "ann", 2, sale.StateHeld) },
			[]string{`order a is held in Redis and held in the ledger with what is in flight`}},
		"with an order that Redis lost": {func(s *sale.Snapshot, _ *sale.Book) { delete(s.Orders, "a") },
			[]string{`order a is held in the ledger alone`}},
		"with ended orders that Redis has removed": {func(s *sale.Snapshot, _ *sale.Book) {
			for id, o := range s.Orders {
				if !o.State.Live() {
					delete(s.Orders, id)
				}
			}
		}, nil},

		"without a payment": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Payments, "pb"); delete(b.PaymentsChanged, "pb") },
			[]string{`payment pb is applied in Redis, not in the ledger, and not in flight`}},
		"with a payment of another state": {func(_ *sale.Snapshot, b *sale.Book) {
			b.Payments["pe"] = paid("pe", "e", 1, sale.PaymentDue, sale.ReasonLate)
		},
			[]string{`payment pe is settled in Redis and due in the ledger with what is in flight`}},
		"with a payment of another message": {func(_ *sale.Snapshot, b *sale.Book) {
			p := b.Payments["pb"]
			p.Message = "another"
			b.Payments["pb"] = p
		}, []string{`payment pb is applied in Redis and applied in the ledger with what is in flight`}},
		"with a payment that Redis lost": {func(s *sale.Snapshot, _ *sale.Book) { delete(s.Payments, "pb2") },
			[]string{`payment pb2 is due in the ledger alone`}},

		// What changed at the snapshot or later, Redis can't know; what changed before, it must.
		"with an order that came later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["z"], b.Changed["z"] = order("z", "zoe", 1, sale.StateHeld), s.At
		}, nil},
		"with an order that came before and that Redis lost": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["z"], b.Changed["z"] = order("z", "zoe", 1, sale.StateHeld), s.At-1
		}, []string{`order z is held in the ledger alone`}},
		"with an order that was paid later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["a"], b.Changed["a"] = order("a", "ann", 1, sale.StatePaid), s.At
		}, nil},
		"with an order that was paid before": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["a"], b.Changed["a"] = order("a", "ann", 1, sale.StatePaid), s.At-1
		}, []string{`order a is held in Redis and paid in the ledger with what is in flight`}},
		"with a payment that came later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["z"], b.PaymentsChanged["z"] = paid("z", "b", 2, sale.PaymentDue, sale.ReasonDoubled), s.At
		}, nil},
		"with a payment that came before and that Redis lost": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["z"], b.PaymentsChanged["z"] = paid("z", "b", 2, sale.PaymentDue, sale.ReasonDoubled), s.At-1
		}, []string{`payment z is due in the ledger alone`}},
		"with a payment that was settled later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["pb2"], b.PaymentsChanged["pb2"] = paid("pb2", "b", 2, sale.PaymentSettled, sale.ReasonDoubled), s.At
		}, nil},
		"with a payment that was settled before": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["pb2"], b.PaymentsChanged["pb2"] = paid("pb2", "b", 2, sale.PaymentSettled, sale.ReasonDoubled), s.At-1
		}, []string{`payment pb2 is due in Redis and settled in the ledger with what is in flight`}},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := story().snapshot(nil), story().book()
			c.change(&s, &b)
			wantFaults(t, audit.Ledger(s, b), c.want...)
		})
	}
}

// Wherever the ledger stands, before the snapshot or after it, and whatever it has not yet
// taken out of the stream, the story is sound.
func TestWhatIsInFlightIsNoFault(t *testing.T) {
	h := story()
	for i := 1; i <= len(h); i++ {
		for stands := 0; stands <= i; stands++ {
			for from := 0; from <= stands; from++ {
				s, b := h[:i].snapshot(h[from:i]), h[:stands].book()
				if got := append(audit.Stock(s), audit.Ledger(s, b)...); len(got) > 0 {
					t.Errorf("snapshot after %d events, committed %d, forgotten %d: got faults %q, want none", i, stands, from, got)
				}
			}
		}
	}
}

// A ledger that does not know the sale has no maps at all.
func TestALedgerThatKnowsNothingYetIsNoFault(t *testing.T) {
	h := story()
	wantFaults(t, audit.Ledger(h.snapshot(h), sale.Book{Records: sale.NewRecords()}))
	wantFaults(t, audit.Ledger(h[:1].snapshot(nil), sale.Book{Records: sale.NewRecords()}), `the sale is .*`)
}

// The book is read after the snapshot, while the sale goes on.
func TestABookThatIsAheadIsNoFault(t *testing.T) {
	h := story()
	quiet := func(e sale.Event) bool { return e.Restock == nil && e.Closed == nil && e.Opened == nil }
	for i := 1; i < len(h); i++ {
		for ahead := i + 1; ahead <= len(h) && quiet(h[ahead-1]); ahead++ {
			for from := 0; from <= i; from++ {
				for _, at := range []sale.Instant{h[i-1].At, h[i-1].At + 1} {
					s, b := h[:i].snapshot(h[from:i]), h[:ahead].book()
					s.At = at
					if got := audit.Ledger(s, b); len(got) > 0 {
						t.Errorf("snapshot after %d events at %d ms, committed %d, forgotten %d: got faults %q, want none",
							i, at-noon, ahead, from, got)
					}
				}
			}
		}
	}
}

// Redis did more in the millisecond of the snapshot, and the audit cried wolf.
func TestWhatHappensInTheSnapshotsMillisecondIsNoFault(t *testing.T) {
	before := story()
	s := before.snapshot(nil)
	after := append(history(nil), before...)
	after.at(s.At, orders(order("z", "zoe", 1, sale.StateHeld)))
	after.at(s.At, sale.Event{Orders: []sale.Order{order("a", "ann", 1, sale.StatePaid)}, Payments: []sale.Payment{paid("pa", "a", 1, sale.PaymentApplied, "")}})
	after.at(s.At, payments(paid("pb2", "b", 2, sale.PaymentSettled, sale.ReasonDoubled)))
	wantFaults(t, audit.Ledger(s, after.book()))
}

// The book has no times for these. They show in one audit, and the next is clean.
func TestARestockOrAClosingAfterTheSnapshotShowsUntilTheNextAudit(t *testing.T) {
	before := story()
	for name, c := range map[string]struct {
		event sale.Event
		want  []string
	}{
		"a restock": {restock("late", 7), []string{`the sale is \{.* Total:115 .*\} in Redis, and \{.* Total:122 .*\} in the ledger`, `restock "late" by 7 is in the ledger alone`}},
		"a closing": {closing(true), []string{`the sale is \{.* Closed:false\} in Redis, and \{.* Closed:true\} in the ledger`}},
	} {
		t.Run(name, func(t *testing.T) {
			after := append(history(nil), before...)
			after.then(c.event)
			wantFaults(t, audit.Ledger(before.snapshot(nil), after.book()), c.want...)
			wantFaults(t, audit.Ledger(after.snapshot(nil), after.book()))
		})
	}
	// What the stream said of it by then is what counts.
	t.Run("but not where the stream repeats how it was", func(t *testing.T) {
		closed := append(history(nil), before...)
		closed.then(closing(true))
		reopened := append(history(nil), closed...)
		reopened.then(closing(false))
		wantFaults(t, audit.Ledger(closed.snapshot(closed[len(closed)-1:]), reopened.book()))
	})
}

func TestWhatTheStreamDoesNotHoldIsAFault(t *testing.T) {
	h := story()
	for name, c := range map[string]struct {
		lost   int
		stands int // how much the ledger has committed, but for what was lost
		want   []string
	}{
		"the opening, of what was committed": {0, len(h), []string{`the sale is .*`}},
		"the opening, in flight":             {0, 0, []string{`the sale is .*`}},
		"a payment, of what was committed": {2, 5, []string{
			`order b is paid in Redis and held in the ledger with what is in flight`, `payment pb is applied in Redis, not in the ledger, and not in flight`}},
		"a payment, in flight": {2, 1, []string{
			`order b is paid in Redis and held in the ledger with what is in flight`, `payment pb is applied in Redis, not in the ledger, and not in flight`}},
		"a refund that is due":        {3, 9, []string{`payment pb2 is due in Redis, not in the ledger, and not in flight`}},
		"a restock":                   {4, 9, []string{`the sale is .*`, `restock "more" by 20 is 0 in the ledger`}},
		"a cancellation":              {7, 2, []string{`order e is cancelled in Redis and held in the ledger with what is in flight`}},
		"the last word on a sale":     {10, 9, []string{`the sale is .*`}},
		"an expiry":                   {14, 14, []string{`order c is expired in Redis and held in the ledger with what is in flight`}},
		"a hold that ended since":     {5, 9, nil}, // its ending tells all of it
		"a closing that did not last": {6, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var committed, stream history
			for i, e := range h {
				switch {
				case i == c.lost:
				case i < c.stands:
					committed = append(committed, e)
				default:
					stream = append(stream, e)
				}
			}
			wantFaults(t, audit.Ledger(h.snapshot(stream), committed.book()), c.want...)
		})
	}
}

func TestExpectedLeavesTheBookAlone(t *testing.T) {
	h := story()
	s, b := h.snapshot(h[4:]), h[:4].book()
	if diff := cmp.Diff(h.records(), audit.Expected(s, b)); diff != "" {
		t.Errorf("expected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(h[:4].book(), b); diff != "" {
		t.Errorf("the book has changed (-before +after):\n%s", diff)
	}
}

func Example() {
	opened := sale.Sale{ID: "s", Title: "Concert", Total: 100}
	r := sale.NewRecords()
	r.Apply(sale.Event{Opened: &opened})
	s := sale.Snapshot{Records: r, At: 2000, Counters: r.Counters()}
	b := sale.Book{Records: r.Clone()}
	fmt.Println(len(audit.Stock(s)), len(audit.Ledger(s, b)))

	s.Counters.Remaining--
	for _, fault := range audit.Stock(s) {
		fmt.Println(fault)
	}
	// Output:
	// 0 0
	// books: remaining 99 + held 0 + paid 0 is not total 100
}
