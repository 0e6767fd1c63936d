package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

func claim(buyer string, quantity int) sale.Claim {
	return sale.Claim{
		Order: sale.OrderID(uuid.NewString()), Buyer: sale.Buyer(buyer), Quantity: quantity,
		Deadline: sale.Instant(time.Now().Add(5 * time.Second).UnixMilli()),
	}
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	d := newSale("open", 100)

	created, err := s.Open(ctx, d)
	if err != nil || !created {
		t.Fatalf("first opening: got %v, %v, want created", created, err)
	}
	if _, err := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig()).Decide(claim("ann", 3)); err != nil {
		t.Fatal(err)
	}
	t.Run("again leaves live stock alone", func(t *testing.T) {
		created, err := s.Open(ctx, d)
		if err != nil || created {
			t.Fatalf("got %v, %v, want not created", created, err)
		}
		got, r, err := s.Read(ctx, d.ID, 0)
		if err != nil || r.Remaining != 97 {
			t.Fatalf("got remaining %d, %v, want 97", r.Remaining, err)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("definition changed (-want +got):\n%s", diff)
		}
	})
	t.Run("with another definition is a conflict", func(t *testing.T) {
		other := d
		other.Total = 5000
		if _, err := s.Open(ctx, other); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("got %v, want ErrConflict", err)
		}
	})
	t.Run("beside leftovers of a lost sale is refused", func(t *testing.T) {
		lost := newSale("open-lost", 10)
		open(t, s, lost)
		if _, err := s.Committer(lost.ID, watcher{}, remotestock.DefaultCommitConfig()).Decide(claim("ann", 1)); err != nil {
			t.Fatal(err)
		}
		client.Del(ctx, remotestock.Keys(lost.ID)[0])
		if _, err := s.Open(ctx, lost); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
	t.Run("a faulty definition names every fault", func(t *testing.T) {
		_, err := s.Open(ctx, sale.Sale{ID: "Bad Id", Total: -1})
		for _, want := range []string{"sale id", "title", "kind", "currency", "total", "limit", "hold time"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to name %q", err, want)
			}
		}
	})
}

func TestPlanIsFencedAndNeverStale(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	d := newSale("plan", 100)
	open(t, s, d)
	survey, err := s.Survey(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	stock := survey.Reading.Stock
	shares := []sale.Share{{Node: "n1", Slice: 60, Buffer: 40}, {Node: "n2", Slice: 40, Buffer: 60}}

	first, err := s.WritePlan(ctx, d.ID, 7, stock, shares)
	if err != nil || first == 0 {
		t.Fatalf("got %d, %v, want a generation", first, err)
	}
	if _, err := s.WritePlan(ctx, d.ID, 6, stock, shares); !errors.Is(err, sale.ErrFenced) {
		t.Errorf("older token: got %v, want ErrFenced", err)
	}
	if _, err := s.WritePlan(ctx, d.ID, 7, stock-1, shares); !errors.Is(err, sale.ErrStale) {
		t.Errorf("older stock generation: got %v, want ErrStale", err)
	}
	second, err := s.WritePlan(ctx, d.ID, 8, stock, shares)
	if err != nil || second <= first {
		t.Errorf("newer token: got %d, %v, want above %d", second, err, first)
	}
	t.Run("a node learns its allotment once", func(t *testing.T) {
		_, r, err := s.Read(ctx, d.ID, 0)
		if err != nil || r.Allotment != (sale.Allotment{Generation: second, Slice: 60, Buffer: 40}) {
			t.Errorf("got %+v, %v", r.Allotment, err)
		}
		_, r, err = s.Read(ctx, d.ID, second)
		if err != nil || r.Allotment != (sale.Allotment{}) {
			t.Errorf("known plan: got %+v, %v, want none", r.Allotment, err)
		}
	})
	t.Run("a restarted node gets its slice less its claims", func(t *testing.T) {
		c := s.Committer(d.ID, planWatcher{second}, remotestock.DefaultCommitConfig())
		for _, buyer := range []string{"ann", "bob", "cid"} {
			if got, err := c.Decide(claim(buyer, 4)); err != nil || got.Outcome != sale.Held {
				t.Fatalf("got %v, %v", got.Outcome, err)
			}
		}
		_, r, err := s.Read(ctx, d.ID, 0)
		if err != nil || r.Allotment != (sale.Allotment{Generation: second, Slice: 48, Buffer: 40}) {
			t.Errorf("got %+v, %v, want slice 48", r.Allotment, err)
		}
		survey, err := s.Survey(ctx, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range survey.Shares {
			if want := map[string]int64{"n1": 12, "n2": 0}[sh.Node]; sh.Claimed != want {
				t.Errorf("%s: got %d claimed, want %d", sh.Node, sh.Claimed, want)
			}
		}
		if survey.Planned != stock {
			t.Errorf("got planned for %d, want %d", survey.Planned, stock)
		}
	})
	t.Run("a node that the plan leaves out gets nothing", func(t *testing.T) {
		other, _ := newStore(t, server.Addr(), "n9")
		_, r, err := other.Read(ctx, d.ID, 0)
		if err != nil || r.Allotment != (sale.Allotment{Generation: second}) {
			t.Errorf("got %+v, %v, want an empty allotment", r.Allotment, err)
		}
	})
}

type planWatcher struct{ generation sale.Generation }

func (p planWatcher) Generation() sale.Generation { return p.generation }
func (p planWatcher) Observe(sale.Reading)        {}

func (planWatcher) Acknowledged(sale.Decision, sale.Mark) {}

func TestRefill(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	d := newSale("refill", 10)
	open(t, s, d)
	for _, test := range []struct {
		name               string
		quantity, own, all int
		want               int64
		result             sale.GrantResult
	}{
		{"share by weight", 1, 1, 4, 3, sale.Granted},
		{"quantity above share", 4, 1, 10, 4, sale.Granted},
		{"all of it for a lone node", 1, 5, 5, 10, sale.Granted},
		{"more than remains", 11, 1, 1, 0, sale.GrantNotEnough},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := s.Refill(ctx, d.ID, 0, 100, test.quantity, test.own, test.all)
			if err != nil || g.Tickets != test.want || g.Result != test.result {
				t.Errorf("got %d, %v, %v, want %d, %v", g.Tickets, g.Result, err, test.want, test.result)
			}
		})
	}
	t.Run("nothing if a newer allotment is enough", func(t *testing.T) {
		survey, err := s.Survey(ctx, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.WritePlan(ctx, d.ID, 1, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 2, Buffer: 2}}); err != nil {
			t.Fatal(err)
		}
		g, err := s.Refill(ctx, d.ID, 0, 100, 4, 1, 1)
		if err != nil || g.Result != sale.Granted || g.Tickets != 0 || g.Reading.Allotment.Slice != 2 {
			t.Errorf("got %+v, %v, want the allotment alone", g, err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		if err := s.SetClosed(ctx, d.ID, true); err != nil {
			t.Fatal(err)
		}
		g, err := s.Refill(ctx, d.ID, 0, 100, 1, 1, 1)
		if err != nil || g.Result != sale.GrantClosed {
			t.Errorf("got %v, %v, want closed", g.Result, err)
		}
	})
}

// TestARefillGrantsWhatItsOverdueHoldsReturn: one call ends them and grants their stock, for at
// most as many as its batch, and reports a sale as sold out only if none is overdue.
func TestARefillGrantsWhatItsOverdueHoldsReturn(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("overdue", 4))
	c := committer(t, s, "overdue")
	var orders []sale.OrderID
	for i := range 4 {
		d, err := c.Decide(claim(fmt.Sprint("buyer-", i), 1))
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, d.Order.ID)
	}
	if g, err := s.Refill(ctx, "overdue", 0, 10, 1, 1, 1); err != nil || g.Result != sale.GrantSoldOut {
		t.Errorf("with no hold overdue: got %+v, %v, want sold out", g, err)
	}
	makeOverdue(t, client, "overdue", orders[:3]...)
	for _, want := range []sale.Grant{{Result: sale.Granted, Tickets: 2}, {Result: sale.Granted, Tickets: 3}, {Result: sale.Granted, Tickets: 3}} {
		g, err := s.Refill(ctx, "overdue", 0, 2, 2, 1, 1)
		if err != nil || g.Result != want.Result || g.Tickets != want.Tickets || g.Reading.Remaining != want.Tickets {
			t.Errorf("got %+v, %v, want %d tickets of as many", g, err, want.Tickets)
		}
	}
	wantClean(t, s, "overdue")
}

// TestNotEnoughIsNeverNothing: a claim that found three left and wanted four learned that
// none are left, and not that the sale is sold out, where the next one took the three.
func TestNotEnoughIsNeverNothing(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("rest", 3))
	got, err := committer(t, s, "rest").DecideBatch([]sale.Claim{claim("ann", 4), claim("bob", 2), claim("cid", 2), claim("dee", 1)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []sale.Outcome{sale.SoldOut, sale.Held, sale.SoldOut, sale.Held} {
		if got[i].Outcome != want {
			t.Errorf("claim %d: got %v, want %v", i, got[i].Outcome, want)
		}
	}
}

func TestRestock(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	d := newSale("restock", 5)
	open(t, s, d)
	c := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig())
	if _, err := c.Decide(claim("ann", 4)); err != nil {
		t.Fatal(err)
	}
	before, err := s.Survey(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if total, err := s.Restock(ctx, d.ID, 10, "k1"); err != nil || total != 15 {
		t.Fatalf("got %d, %v, want 15", total, err)
	}
	if total, err := s.Restock(ctx, d.ID, 10, "k1"); err != nil || total != 15 {
		t.Errorf("same key again: got %d, %v, want 15 unchanged", total, err)
	}
	if _, err := s.Restock(ctx, d.ID, 11, "k1"); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("same key, other delta: got %v, want ErrConflict", err)
	}
	// Operators read it: it ended in ": conflict".
	if _, err := s.Restock(ctx, d.ID, -12, "k2"); !errors.Is(err, sale.ErrConflict) || strings.HasSuffix(err.Error(), "conflict") {
		t.Errorf("below held: got %v, want ErrConflict and what stands in the way alone", err)
	}
	if total, err := s.Restock(ctx, d.ID, -11, "k3"); err != nil || total != 4 {
		t.Errorf("down to held: got %d, %v, want 4", total, err)
	}
	after, err := s.Survey(ctx, d.ID)
	if err != nil || after.Reading.Stock <= before.Reading.Stock || !after.Counters.Conserved() || after.Reading.Remaining != 0 {
		t.Errorf("got %+v, %v, want a higher stock generation and balanced books", after, err)
	}
}
