package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// reconcile runs one reconciliation, as an operator who decides or a ledger that does not.
func (w *world) reconcile(operator, force bool) error {
	o := Reconciliation{Force: force}
	if operator {
		o.Decisions = reconcile.Decisions{
			TwoOrders: oneOf(w, "two orders", reconcile.KeepFirst, reconcile.KeepLater),
			Oversold:  oneOf(w, "oversold", reconcile.RaiseTotal, reconcile.RefundLater),
			Lives:     reconcile.MergeLives,
		}
	}
	r := &Reconciler{Stock: w, Store: w, Memory: w, Cfg: Config{Entries: oneOf(w, "entries", 1, 2, 32)}}
	for {
		w.written, w.had, w.tip, w.book, w.linkAt = false, nil, sale.Mark{}, sale.Mark{}, func(sale.Mark) (string, bool) { return "", false }
		plan, err := r.try(w.t.Context(), "s", o)
		if w.written {
			w.judge(plan)
		}
		switch {
		case errors.Is(err, sale.ErrStale):
			continue
		case errors.Is(err, ErrDecisionNeeded) && o.Decisions.Oversold == reconcile.RefundLater:
			o.Decisions.Oversold = reconcile.RaiseTotal // a total below zero has no other way
			continue
		case errors.Is(err, ErrDecisionNeeded):
			w.count("left to an operator")
		case err == nil:
			w.count("reconciled %s", plan.Relation)
		}
		return err
	}
}

// step does one thing at random.
func (w *world) step() {
	calls := map[string]func() ([]*ack, error){
		"claim": w.claim, "pay": w.pay, "cancel": w.cancel, "refund": w.refund, "part": w.part, "settle": w.settle, "restock": w.restock, "close": w.closing, "change": w.change,
	}
	names := []string{
		"claim", "claim", "claim", "claim", "claim", "pay", "pay", "pay", "pay", "cancel", "refund", "part", "settle", "restock", "close", "change",
		"expire", "expire", "read", "read", "read", "read", "read", "lose", "lose", "lose", "reconcile", "reconcile", "open", "churn", "fork",
	}
	name := oneOf(w, "step", names...)
	if (w.redis == nil || w.redis.Lost() != "") && oneOf(w, "noticed", true, false) {
		name = "reconcile"
	}
	switch name {
	case "expire":
		w.now = w.now.Add(70 * time.Second)
		w.through(w.planner, func() ([]*ack, error) {
			ended, err := w.redis.Expire(w.redis.Overdue(2)...)
			if len(ended) > 0 {
				w.count("expire")
			}
			return nil, err
		})
	case "read":
		_ = w.read(true) // a loss shuts the sale
	case "lose":
		w.lose()
	case "open":
		w.open()
	case "churn":
		w.churn()
	case "fork":
		w.fork()
	case "reconcile":
		if rapid.Bool().Draw(w.t, "disturbed") {
			w.fault = fault{oneOf(w, "at", faultCalls...), oneOf(w, "what", faultKinds...)}
		}
		err := w.reconcile(rapid.Bool().Draw(w.t, "operator"), rapid.Bool().Draw(w.t, "forced"))
		if w.fault = (fault{}); err != nil && !isAny(err, errCrash, ErrDecisionNeeded, ErrWhole, sale.ErrNoSale) {
			w.t.Fatalf("reconcile: %v", err)
		}
	default:
		n := oneOf(w, "node", w.nodes...)
		w.through(n, calls[name])
	}
	w.wantFair(w.ledger.records)
	if w.redis != nil {
		w.wantFair(w.redis.Records())
	}
}

// churn has a buyer hold and cancel some times, or operators refund him, of which Redis keeps a few orders only.
func (w *world) churn() {
	n := oneOf(w, "node", w.nodes...)
	for range 4 {
		id := sale.OrderID(w.id("o"))
		w.through(n, func() ([]*ack, error) {
			got, err := w.redis.Decide([]sale.Claim{{Order: id, Buyer: "ann", Quantity: 1}}, false)
			if err != nil || got[0].Outcome != sale.Held {
				return nil, err
			}
			if got[0].Order.Free() {
				r, err := w.redis.Refund(id)
				return []*ack{w.ackOrder(r.Order)}, err
			}
			o, err := w.redis.Cancel(id, "ann")
			return []*ack{w.ackOrder(o)}, err
		})
	}
	_ = w.read(false)
	if w.redis == nil {
		return
	}
	w.now = w.now.Add(20 * time.Second)
	w.redis.Now = w.now
	for _, id := range slices.Sorted(maps.Keys(w.redis.Records().Orders)) {
		if w.redis.Remove(id) {
			w.dropped[id] = true
			w.count("Redis drops an ended order")
		}
	}
}

// fork has the ledger record that an order is paid, and a Redis that has lost that end it.
func (w *world) fork() {
	if w.redis == nil || w.redis.Lost() != "" {
		return
	}
	at := len(w.saves) - 1
	var c sale.Claim
	n := oneOf(w, "node", w.nodes...)
	w.through(n, func() ([]*ack, error) {
		c = w.order(sale.StateHeld)
		return w.paid(c, sale.PaymentID("p-"+w.id("fork")), int64(100*c.Quantity))
	})
	_ = w.read(false)
	w.backTo(at)
	w.through(w.nodes[len(w.nodes)-1], func() ([]*ack, error) {
		o, err := w.redis.Cancel(c.Order, c.Buyer)
		if err != nil {
			return nil, err
		}
		w.count("fork")
		return []*ack{w.ackOrder(o)}, nil
	})
}

// TestNothingAcknowledgedIsLostInSilence: Redis loses a tail, goes back and on, loses entries
// of its stream and comes back empty, the ledger's database goes back, nodes die, readers and
// reconciliations stop anywhere. What rapid finds it prints with its seed.
func TestNothingAcknowledgedIsLostInSilence(t *testing.T) {
	tally := map[string]int{}
	asked := checks(t, worldRuns)
	rapid.Check(t, func(t *rapid.T) {
		tally["runs"]++
		w := newWorld(t, tally)
		for range oneOf(w, "steps", 5, 10, 15, 20, 25) {
			w.step()
		}
		w.end()
	})
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		lines = append(lines, fmt.Sprintf("%8d %s", tally[what], what))
	}
	t.Logf("what happened:\n%s", strings.Join(lines, "\n"))
	if asked || t.Failed() {
		return
	}
	for _, what := range wantHappened() {
		if tally[what] == 0 {
			t.Errorf("got no %q, want the generator to reach it", what)
		}
	}
	if tally["runs"] < worldRuns {
		t.Errorf("got %d runs, want %d", tally["runs"], worldRuns)
	}
	if tally[usedTwice]*10 > tally[reported] {
		t.Errorf("got %d excused as %q, want few", tally[usedTwice], usedTwice)
	}
}

// wantHappened is what a generator that is worth anything comes to.
func wantHappened() []string {
	want := []string{
		"claim held", "claim paid at once", "refund of nothing", "claim replayed", "claim sold-out", "cancel", "expire", "refund", "settle", "part asked for", "part reported", "payment settled returned", "restock", "opened a second time",
		"payment applied ", "payment due orphan", "payment due late", "payment due doubled", "payment due amount",
		"fork", "reader finds a loss", "reader stops after commit", "reader stops after forget", "answered LOST",
		"Redis drops an ended order", "adopt finds another Redis", "unite finds another ledger", "left to an operator", reported,
	}
	for _, kind := range []string{"tail", "back", "entries", "empty", "database", "node"} {
		want = append(want, "loss: "+kind)
	}
	for _, kind := range []reconcile.Kind{
		reconcile.KindTwoOrders, reconcile.KindOversold, reconcile.KindEndedPaid, reconcile.KindRecovered, reconcile.KindGap,
		reconcile.KindReopened, reconcile.KindTwoLives, reconcile.KindClosed, reconcile.KindEnded, reconcile.KindOrphan, reconcile.KindPayment,
	} {
		want = append(want, "case "+string(kind))
	}
	for _, r := range []reconcile.Relation{
		reconcile.RedisAlone, reconcile.LedgerAlone, reconcile.Same, reconcile.LedgerBehind, reconcile.RedisBehind, reconcile.Forked,
	} {
		want = append(want, "reconciled "+string(r))
	}
	for _, call := range faultCalls {
		for _, kind := range faultKinds {
			want = append(want, "reconciliation: "+kind+" "+call)
		}
	}
	return want
}
