package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/audit"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// Wherever the ledger stands, before the snapshot or after it, and whatever it has not yet
// taken out of the stream, the sale is sound.
func TestWhatIsInFlightIsNoFault(t *testing.T) {
	h := eventfulSale()
	for i := 1; i <= len(h); i++ {
		for stands := 0; stands <= i; stands++ {
			for from := 0; from <= stands; from++ {
				s, b := h[:i].snapshot(from), bookOf(h.events()[:stands])
				if got := append(audit.Stock(s), audit.Ledger(s, b)...); len(got) > 0 {
					t.Errorf("snapshot after %d events, committed %d, forgotten %d: got faults %q, want none", i, stands, from, got)
				}
			}
		}
	}
}

// A ledger that does not know the sale has no maps at all.
func TestALedgerThatKnowsNothingYetIsNoFault(t *testing.T) {
	h := eventfulSale()
	wantFaults(t, audit.Ledger(h.snapshot(0), sale.Book{Records: sale.NewRecords()}))
	wantFaults(t, audit.Ledger(h[:1].read(), sale.Book{Records: sale.NewRecords()}), `the sale is .*`)
}

// Redis removes the oldest ended orders of a buyer, and the ledger keeps them.
func TestAnOrderThatRedisHasRemovedIsNoFault(t *testing.T) {
	h := opened(1000)
	for _, id := range []sale.OrderID{"a1", "a2", "a3", "a4"} {
		h.hold(claim(id, "ann", 1))
		h.cancel(id, "ann")
	}
	m := h.now().Clone()
	if m.Settles = 0; !m.Remove("a1") {
		t.Fatal("got the first of four ended orders kept, want it removed")
	}
	removed := append(h[:len(h)-1:len(h)-1], m)
	for stands := range len(h) + 1 {
		for from := range stands + 1 {
			s, b := removed.snapshot(from), bookOf(h.events()[:stands])
			if got := append(audit.Stock(s), audit.Ledger(s, b)...); len(got) > 0 {
				t.Errorf("committed %d, forgotten %d: got faults %q, want none", stands, from, got)
			}
		}
	}
}

// shows reports whether the event shows as a fault until the next audit, where the ledger has it and
// the snapshot does not: the book has no time of it.
func shows(e sale.Event) bool {
	return e.Restock != nil || e.Closed != nil || e.Changed != nil || e.Opened != nil
}

// The book is read after the snapshot, while the sale goes on.
func TestABookThatIsAheadIsNoFault(t *testing.T) {
	h := eventfulSale()
	for i := 1; i < len(h); i++ {
		for ahead := i + 1; ahead <= len(h) && !shows(h.events()[ahead-1]); ahead++ {
			for from := 0; from <= i; from++ {
				for _, at := range []sale.Instant{h[i-1].Now, h[i-1].Now + 1} {
					s, b := h[:i].snapshot(from), h[:ahead].book()
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
	before := eventfulSale()
	after := before.and(func(h *history) {
		h.hold(claim("z", "zoe", 1)) // in the millisecond of the snapshot
		for _, call := range []func(*model.Sale) error{
			func(m *model.Sale) error { return second(m.Pay(paid("pa", "a", 1, "", ""))) },
			func(m *model.Sale) error { return second(m.Settle("pb2")) },
		} {
			if err := h.after(0, call); err != nil {
				t.Fatal(err)
			}
		}
	})
	s := before.read()
	if s.At != after.now().Now || len(after) != len(before)+3 {
		t.Fatalf("got %d events more, the last at %d, want 3 in the millisecond %d of the snapshot", len(after)-len(before), after.now().Now, s.At)
	}
	wantFaults(t, audit.Ledger(s, after.book()))
}

// The book has no times for these. They show in one audit, and the next is clean.
func TestARestockOrAClosingAfterTheSnapshotShowsUntilTheNextAudit(t *testing.T) {
	before := eventfulSale()
	for name, c := range map[string]struct {
		change func(*history)
		want   []string
	}{
		"a restock": {func(h *history) { h.restock("late", 7) },
			[]string{`the sale is \{.* Total:115 .*\} in Redis, and \{.* Total:122 .*\} in the ledger`, `restock "late" by 7 is in the ledger alone`}},
		"a closing": {func(h *history) { h.close(true) },
			[]string{`the sale is \{.* Closed:false\} in Redis, and \{.* Closed:true\} in the ledger`}},
	} {
		t.Run(name, func(t *testing.T) {
			after := before.and(c.change)
			wantFaults(t, audit.Ledger(before.read(), after.book()), c.want...)
			wantFaults(t, audit.Ledger(after.read(), after.book()))
		})
	}
	// The events that the stream had of it by then are what counts.
	t.Run("but not where the stream repeats how it was", func(t *testing.T) {
		closed := before.and(func(h *history) { h.close(true) })
		reopened := closed.and(func(h *history) { h.close(false) })
		wantFaults(t, audit.Ledger(closed.snapshot(len(closed)-1), reopened.book()))
	})
}

func TestWhatTheStreamDoesNotHoldIsAFault(t *testing.T) {
	h := eventfulSale()
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
		"the last event of a sale":    {10, 9, []string{`the sale is .*`}},
		"an expiry":                   {14, 14, []string{`order c is expired in Redis and held in the ledger with what is in flight`}},
		"a part that goes back":       {15, 9, []string{`payment rb is due in Redis, not in the ledger, and not in flight`}},
		"a hold that ended since":     {5, 9, nil}, // its ending repeats all of it
		"a closing that did not last": {6, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			committed, stream := parted(h.events(), c.lost, c.stands)
			s := h.read()
			s.Stream = stream
			wantFaults(t, audit.Ledger(s, bookOf(committed)), c.want...)
		})
	}
}

// parted are the events but for one that is lost: those that the ledger has committed, and
// those that are in the stream.
func parted(events []sale.Event, lost, stands int) (committed, stream []sale.Event) {
	for i, e := range events {
		switch {
		case i == lost:
		case i < stands:
			committed = append(committed, e)
		default:
			stream = append(stream, e)
		}
	}
	return committed, stream
}

func TestExpectedLeavesTheBookAlone(t *testing.T) {
	h := eventfulSale()
	s, b := h.snapshot(4), h[:4].book()
	if diff := cmp.Diff(h.now().Records(), audit.Expected(s, b)); diff != "" {
		t.Errorf("expected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(h[:4].book(), b); diff != "" {
		t.Errorf("the book has changed (-before +after):\n%s", diff)
	}
}
