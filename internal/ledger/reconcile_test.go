package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// loadLedger brings the ledger back to what it had; a zero chain: it knows nothing of the sale.
func (s *site) loadLedger(t tester, r sale.Records, c sale.Chain) {
	t.Helper()
	ctx := context.Background()
	for _, table := range []string{"orders WHERE sale", "payments WHERE sale", "restocks WHERE sale", "readers WHERE sale", "reconciliations WHERE sale", "sales WHERE id"} {
		if _, err := s.store.pool.Exec(ctx, `DELETE FROM `+table+` = $1`, s.id); err != nil {
			t.Fatal(err)
		}
	}
	if c == (sale.Chain{}) {
		return
	}
	if err := s.store.Unite(ctx, s.id, 0, Union{Records: r, Chain: sale.Chain{Life: c.Life, Mark: sale.Mark{Epoch: 1}}, Fence: "backup", At: start}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.pool.Exec(ctx, `UPDATE sales SET epoch = $2, seq = $3, link = $4 WHERE id = $1`, s.id, c.Epoch, c.Seq, c.Link); err != nil {
		t.Fatal(err)
	}
}

// backup is what the ledger has now.
func (s *site) backup(t tester) (sale.Records, sale.Chain) {
	t.Helper()
	c, err := s.store.Chain(context.Background(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return book(t, s.store, s.id).Records, c
}

// must records what waits.
func (s *site) must(t tester) *site {
	t.Helper()
	if err := s.record(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome is what became of every buyer's orders and of every payment, as text.
func outcome(r sale.Records) (lines []string) {
	for _, o := range r.Orders {
		lines = append(lines, fmt.Sprintf("%s %s", o.Buyer, o.State))
	}
	for _, p := range r.Payments {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.ID, p.State, p.Reason)))
	}
	slices.Sort(lines)
	return lines
}

// damages are the losses after which nothing has to be decided, and what the union is.
var damages = []struct {
	name   string
	damage func(t testing.TB, s *site)
	want   []string
}{
	{"Redis empty", func(t testing.TB, s *site) {
		s.pay(s.id, s.holdFor(s.id, "ada"), "pay_1")
		s.holdFor(s.id, "bob")
		s.must(t).load(s.id, nil)
	}, []string{"ada paid", "bob held", "pay_1 applied"}},
	{"Redis older", func(t testing.TB, s *site) {
		s.holdFor(s.id, "ada")
		old := s.must(t).save(s.id)
		s.holdFor(s.id, "bob")
		s.must(t).load(s.id, old)
	}, []string{"ada held", "bob held"}},
	{"Redis older, with a stream that the ledger had", func(t testing.TB, s *site) {
		s.holdFor(s.id, "ada")
		old := s.save(s.id)
		s.holdFor(s.id, "bob")
		s.must(t).load(s.id, old)
	}, []string{"ada held", "bob held"}},
	{"forked", func(t testing.TB, s *site) {
		o := s.holdFor(s.id, "ada")
		old := s.must(t).save(s.id)
		s.holdFor(s.id, "bob")
		s.pay(s.id, o, "pay_1")
		s.must(t).load(s.id, old)
		s.holdFor(s.id, "cy")
		s.expire(s.id, o)
	}, []string{"ada paid", "bob held", "cy held", "pay_1 applied"}},
	{"forked under the same number, its events lost", func(t testing.TB, s *site) {
		old := s.must(t).save(s.id)
		s.holdFor(s.id, "bob")
		s.must(t).load(s.id, old)
		s.holdFor(s.id, "cy")
		s.tear(s.id, 0)
	}, []string{"bob held", "cy held"}},
	{"events lost", func(t testing.TB, s *site) { // A1
		s.must(t).pay(s.id, s.holdFor(s.id, "ada"), "pay_1")
		s.tear(s.id, 0)
	}, []string{"ada paid", "pay_1 applied"}},
	{"some events lost", func(t testing.TB, s *site) {
		o := s.must(t).holdFor(s.id, "ada")
		s.holdFor(s.id, "bob")
		s.pay(s.id, o, "pay_1")
		s.tear(s.id, 1, 1)
	}, []string{"ada paid", "bob held", "pay_1 applied"}},
	{"database empty", func(t testing.TB, s *site) {
		s.pay(s.id, s.holdFor(s.id, "ada"), "pay_1")
		s.must(t).holdFor(s.id, "bob")
		s.loadLedger(t, sale.Records{}, sale.Chain{})
	}, []string{"ada paid", "bob held", "pay_1 applied"}},
	{"database older", func(t testing.TB, s *site) {
		o := s.holdFor(s.id, "ada")
		records, chain := s.must(t).backup(t)
		s.pay(s.id, o, "pay_1")
		s.holdFor(s.id, "bob")
		s.must(t).holdFor(s.id, "cy")
		s.loadLedger(t, records, chain)
	}, []string{"ada paid", "bob held", "cy held", "pay_1 applied"}},
	{"both damaged, nodes remember", func(t testing.TB, s *site) { // A6
		s.holdFor(s.id, "ada")
		s.must(t)
		for _, buyer := range []string{"bob", "cy"} {
			s.memory.remember(s.id, s.holdFor(s.id, buyer))
		}
		s.load(s.id, nil)
	}, []string{"ada held", "bob held", "cy held"}},
	{"opened a second time by a deploy script", func(t testing.TB, s *site) { // A2
		s.holdFor(s.id, "ada")
		s.must(t).openAs(s.id, 1_000)
	}, []string{"ada held"}},
	{"written by an earlier version", func(t testing.TB, s *site) {
		s.holdFor(s.id, "ada")
		records, _ := s.must(t).backup(t)
		s.holdFor(s.id, "bob")
		s.with(func() { s.kept[s.id].old = true })
		s.loadLedger(t, records, sale.Chain{Life: "", Mark: sale.Mark{Epoch: 1}})
		if _, err := s.store.pool.Exec(context.Background(), `UPDATE sales SET life = '', epoch = 0, seq = 0, link = '' WHERE id = $1`, s.id); err != nil {
			t.Fatal(err)
		}
	}, []string{"ada held", "bob held"}},
}

func TestReconcile(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			s := newSite(t, 10)
			d.damage(t, s)
			if err := s.record(t.Context()); !errors.Is(err, sale.ErrLost) {
				t.Fatalf("reader: got %v, want a loss", err)
			}
			plan := s.reconcile(t, Reconciliation{})
			if got := outcome(s.wantUnited(t)); !slices.Equal(got, d.want) {
				t.Errorf("got %q, want %q\n%s", got, d.want, plan)
			}
			if d.name == "both damaged, nodes remember" && len(plan.Gaps) > 0 {
				t.Errorf("got gaps %v, want none: every event is a hold that came back", plan.Gaps)
			}
		})
	}
}

// TestReconcileDecides leaves the sale shut until it is decided what can't be both.
func TestReconcileDecides(t *testing.T) {
	s := newSite(t, 10)
	old := s.must(t).save(s.id)
	s.pay(s.id, s.holdFor(s.id, "ada"), "pay_1")
	s.must(t).load(s.id, old)
	s.holdFor(s.id, "ada")
	before := book(t, s.store, s.id)
	plan, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50})
	if !errors.Is(err, ErrDecisionNeeded) || len(plan.DecisionsNeeded()) != 1 || plan.DecisionsNeeded()[0].Kind != reconcile.KindTwoOrders {
		t.Fatalf("got %v and %+v, want %v about two orders", err, plan.DecisionsNeeded(), ErrDecisionNeeded)
	}
	if s.lost(s.id) == "" {
		t.Error("got the sale open, want it shut")
	}
	if diff := cmp.Diff(before, book(t, s.store, s.id)); diff != "" {
		t.Errorf("book (-before +after):\n%s", diff)
	}
	s.token = 50
	s.reconcile(t, Reconciliation{Decisions: reconcile.Decisions{TwoOrders: reconcile.KeepLater}})
	if got, want := outcome(s.wantUnited(t)), []string{"ada held", "ada refunded", "pay_1 due refunded"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReconcileLeavesAWholeSaleAlone(t *testing.T) {
	s := newSite(t, 10)
	s.holdFor(s.id, "ada")
	s.must(t).holdFor(s.id, "bob")
	before := s.save(s.id)
	if _, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50}); !errors.Is(err, ErrWhole) {
		t.Errorf("got %v, want %v", err, ErrWhole)
	}
	if got := s.save(s.id); got.Lost() != "" || got.Chain() != before.Chain() {
		t.Errorf("got lost %q at %v, want the sale as it was", got.Lost(), got.Chain())
	}
	t.Run("unless forced", func(t *testing.T) {
		s.token = 50
		plan := s.reconcile(t, Reconciliation{Force: true})
		if got, want := outcome(s.wantUnited(t)), []string{"ada held", "bob held"}; !slices.Equal(got, want) || plan.Epoch != 2 {
			t.Errorf("got %q in epoch %d, want %q in 2", got, plan.Epoch, want)
		}
	})
}

// TestReconcileDoesNotShutWhatItCantJudge: Redis that does not answer is no loss.
func TestReconcileDoesNotShutWhatItCantJudge(t *testing.T) {
	s := newSite(t, 500)
	for range 2 * quick().Entries {
		s.hold(s.id)
	}
	s.secondPageFails(fmt.Errorf("%w: %w", sale.ErrUnavailable, errDown))
	_, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50})
	if !errors.Is(err, errDown) || s.lost(s.id) != "" {
		t.Errorf("got %v and lost %q, want %v and the sale open", err, s.lost(s.id), errDown)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			s := newSite(t, 10)
			d.damage(t, s)
			was := s.save(s.id)
			rows := s.rows(t)
			plan, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50, DryRun: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := outcome(plan.Records); !slices.Equal(got, d.want) {
				t.Errorf("got a plan of %q, want %q", got, d.want)
			}
			if diff := cmp.Diff(was, s.save(s.id), cmp.AllowUnexported(kept{}, model.Sale{}), cmpopts.IgnoreFields(model.Sale{}, "Now")); diff != "" {
				t.Errorf("Redis (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(rows, s.rows(t)); diff != "" {
				t.Errorf("ledger (-before +after):\n%s", diff)
			}
		})
	}
}

// rows are all of the sale's rows.
func (s *site) rows(t tester) (rows []string) {
	t.Helper()
	for _, table := range []string{"orders WHERE sale", "payments WHERE sale", "restocks WHERE sale", "readers WHERE sale", "reconciliations WHERE sale", "sales WHERE id"} {
		name, _, _ := strings.Cut(table, " ")
		found, err := s.store.pool.Query(t.Context(), `SELECT `+name+`::text FROM `+table+` = $1`, s.id)
		if err != nil {
			t.Fatal(err)
		}
		for found.Next() {
			var row string
			if err := found.Scan(&row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(rows)
	return rows
}
