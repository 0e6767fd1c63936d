package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// want is what a plan comes to, as text: orders as "id state", payments as
// "id state reason", cases as "kind orders payments: decision".
type want struct {
	relation reconcile.Relation
	orders   []string
	payments []string
	cases    []string
	gaps     []reconcile.Range
}

func wantPlan(t *testing.T, p reconcile.Plan, w want) {
	t.Helper()
	got := want{relation: p.Relation, gaps: p.Gaps}
	for id, o := range p.Records.Orders {
		got.orders = append(got.orders, string(id)+" "+string(o.State))
	}
	for id, pay := range p.Records.Payments {
		got.payments = append(got.payments, strings.TrimSpace(string(id)+" "+string(pay.State)+" "+string(pay.Reason)))
	}
	for _, c := range p.Cases {
		decision := c.Decision
		if decision == "" {
			decision = strings.Join(c.Options, "|")
		}
		fields := []string{string(c.Kind)}
		for _, id := range c.Orders {
			fields = append(fields, string(id))
		}
		for _, id := range c.Payments {
			fields = append(fields, string(id))
		}
		got.cases = append(got.cases, strings.Join(fields, " ")+": "+decision)
	}
	slices.Sort(got.orders)
	slices.Sort(got.payments)
	if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s\n%s", diff, p)
	}
}

// ticket is a sale of n tickets in which ann holds a1.
func ticket(n int64) *history {
	h := opened(n)
	h.hold("a1", "ann", 1)
	return h
}

func TestRedisThatCameBackEmptyIsRebuiltFromTheLedgerAndTheNodes(t *testing.T) {
	h := ticket(3)
	ledger := h.side()
	h.hold("b1", "bob", 1)
	p := merged(t, reconcile.Input{Ledger: ledger, Holds: h.holds, Seen: []sale.Mark{h.Chain().Mark}}, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 held", "b1 held"},
		cases: []string{"hold-recovered b1: held, with a new deadline"},
	})
	if p.Life != "life" || p.Epoch != 2 || p.Redis.Orders != 2 || p.Ledger.Orders != 1 {
		t.Errorf("got life %q, epoch %d, Redis lacks %+v and the ledger %+v", p.Life, p.Epoch, p.Redis, p.Ledger)
	}
	for id, o := range p.Records.Orders {
		if want := later.Add(10 * 60e9); o.Expires != want {
			t.Errorf("%s: got deadline %d, want %d", id, o.Expires, want)
		}
	}
}

func TestDeadlineThatIsLateEnoughStays(t *testing.T) {
	h := ticket(2)
	h.Now = later + 5
	h.hold("b1", "bob", 1)
	if got, want := merged(t, reconcile.Input{Redis: h.side()}, reconcile.Decisions{}).Records.Orders["b1"].Expires, h.Records().Orders["b1"].Expires; got != want {
		t.Errorf("got deadline %d, want %d", got, want)
	}
}

func TestOrderThatRedisDroppedSinceTheLedgerWentBackHasEnded(t *testing.T) {
	h := ticket(4)
	h.hold("b1", "bob", 1)
	h.pay("pay", "b1", 1000)
	h.hold("c1", "cid", 1)
	ledger := h.side()
	h.end("a1", sale.StateCancelled)
	h.end("b1", sale.StateRefunded)
	h.pay("late", "a1", 1000)
	drop := func(sale.OrderID) bool { return true }
	wantPlan(t, merged(t, reconcile.Input{Redis: h.dropping(h.seq(), drop), Ledger: ledger}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerBehind, orders: []string{"a1 expired", "b1 refunded", "c1 held"},
		payments: []string{"late due late", "pay due refunded"},
		cases: []string{
			"ended-unknown a1 late: it has ended, and counts as expired",
			"ended-unknown b1 pay: it has ended, and counts as refunded",
		},
	})
	t.Run("also if its links are gone", func(t *testing.T) {
		redis := h.dropping(h.seq(), drop)
		redis.LinkAt = nil
		if got := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); got.Relation != reconcile.LedgerBehind {
			t.Errorf("got %v, want the ledger behind", got)
		}
		redis.Read = ledger.Chain.Seq - 1
		if got := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); got.Relation != reconcile.Forked {
			t.Errorf("got %v, want forks, as nothing proves a prefix", got)
		}
	})
	t.Run("not if Redis lacks its payment", func(t *testing.T) {
		redis := h.dropping(h.seq(), drop)
		delete(redis.Records.Payments, "pay")
		p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{})
		if got := p.Records.Orders; p.Relation != reconcile.Forked || got["a1"].State != sale.StateHeld || got["b1"].State != sale.StatePaid {
			t.Errorf("got %v with %v, want forks, and both orders live", p, got)
		}
	})
	t.Run("not if its payment is applied", func(t *testing.T) {
		redis := h.dropping(h.seq(), drop)
		redis.Records.Payments["pay"] = ledger.Records.Payments["pay"]
		if p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); p.Relation != reconcile.Forked || p.Records.Orders["b1"].State != sale.StatePaid {
			t.Errorf("got %v, want forks, and b1 paid", p)
		}
	})
}

// Somebody deleted the hash of orders. Redis drops an order only once the ledger
// has its ending, and this ledger never went back.
func TestOrdersMissingInRedisHaveNotEndedUnlessTheLedgerWentBack(t *testing.T) {
	h := ticket(3)
	redis := h.side()
	redis.Read = h.seq()
	clear(redis.Records.Orders)
	wantPlan(t, merged(t, reconcile.Input{Redis: redis, Ledger: h.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 held"},
	})
}

func TestNothingIsLeftToReconcile(t *testing.T) {
	if _, err := reconcile.Make(reconcile.Input{Holds: ticket(1).holds}, reconcile.Decisions{}); !errors.Is(err, reconcile.ErrNothing) {
		t.Errorf("got %v, want %v", err, reconcile.ErrNothing)
	}
	a, b := ticket(1).side(), ticket(1).side()
	b.Records.Sale.ID = "other"
	if _, err := reconcile.Make(reconcile.Input{Redis: a, Ledger: b}, reconcile.Decisions{}); err == nil {
		t.Error("got no error, want one about two sales")
	}
	for _, d := range []reconcile.Decisions{{TwoOrders: "x"}, {Oversold: "x"}, {Lives: "x"}} {
		if _, err := reconcile.Make(reconcile.Input{Redis: a}, d); err == nil {
			t.Errorf("%+v: got no error, want one", d)
		}
	}
}
