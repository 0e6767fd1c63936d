package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"onsale/internal/sale"
)

var errCrashed = errors.New("crashed")

// crash is where a reconciliation ends before its time.
type crash struct {
	op    Op     // a call of Redis or of the nodes
	after bool   // its reply is lost
	step  string // a step whose beginning is the last thing that happens
}

func (c crash) String() string {
	switch {
	case c.step != "":
		return "at " + c.step
	case c.after:
		return "after " + string(c.op)
	}
	return "before " + string(c.op)
}

var crashes = func() (all []crash) {
	for _, op := range []Op{opTime, OpEvents, OpShut, opSnapshot, opFormer, opHolds, opAdopt} {
		all = append(all, crash{op: op}, crash{op: op, after: true})
	}
	for _, step := range []string{"reading the ledger", "merging", "writing", "building"} {
		all = append(all, crash{step: step})
	}
	return all
}()

// crashing runs a reconciliation that crashes there. It reports whether it came to that.
func (s *site) crashing(t tester, c crash, o Reconciliation) (crashed bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := func(op Op) error {
		if op != c.op || crashed {
			return nil
		}
		crashed = true
		return errCrashed
	}
	if c.after {
		s.after = func(op Op, _ sale.ID) error { return end(op) }
	} else {
		s.before = func(_ context.Context, op Op, _ sale.ID) error { return end(op) }
	}
	o.Progress = func(step string) {
		if c.step != "" && strings.HasPrefix(step, c.step) {
			crashed = true
			cancel()
		}
	}
	s.token++
	o.Token = s.token
	_, err := s.reconciler().Run(ctx, s.id, o)
	s.before, s.after = nil, nil
	if crashed && !isAny(err, errCrashed, context.Canceled) || !crashed && err != nil {
		t.Fatalf("crash %s: got %v and crashed %v", c, err, crashed)
	}
	return crashed
}

// again reconciles after a crash. What had come to its end is whole.
func (s *site) again(t tester, o Reconciliation) {
	t.Helper()
	s.token++
	o.Token = s.token
	if plan, err := s.reconciler().Run(t.Context(), s.id, o); err != nil && !errors.Is(err, ErrWhole) {
		t.Fatalf("again: %v\n%s", err, plan)
	}
}

// TestReconcileCrashesAnywhere: run again, it ends in the same union, also where it crashes
// a second time in the same place.
func TestReconcileCrashesAnywhere(t *testing.T) {
	for _, d := range damages {
		for _, c := range crashes {
			t.Run(fmt.Sprint(d.name, ", ", c), func(t *testing.T) {
				s := newSite(t, 10)
				d.damage(t, s)
				if !s.crashing(t, c, Reconciliation{}) {
					// What Redis or the ledger lacks is not read, and not shut.
					if !(c.op == OpEvents && c.after) && !slices.Contains([]Op{OpShut, opFormer, opSnapshot}, c.op) && c.step != "reading the ledger" {
						t.Error("got no such step")
					}
					return
				}
				if c.op != opAdopt || !c.after {
					s.crashing(t, c, Reconciliation{})
				}
				s.again(t, Reconciliation{})
				if got := outcome(s.wantUnited(t)); !slices.Equal(got, d.want) {
					t.Errorf("got %q, want %q", got, d.want)
				}
			})
		}
	}
}

// TestNodesThatForgetAfterACrash: once the union is in the ledger, a hold that a node alone
// remembered is not forgotten any more.
func TestNodesThatForgetAfterACrash(t *testing.T) {
	s := newSite(t, 10)
	s.must(t)
	s.memory.remember(s.id, s.holdFor(s.id, "ada"))
	s.load(s.id, nil)
	s.crashing(t, crash{op: opAdopt}, Reconciliation{})
	s.memory.holds, s.memory.seen = nil, nil
	s.again(t, Reconciliation{})
	if got, want := outcome(s.wantUnited(t)), []string{"ada held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAdoptionThatIsRefusedIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		moves int
		want  error
	}{{1, nil}, {2, nil}, {3, sale.ErrStale}} {
		s := newSite(t, 10)
		s.holdFor(s.id, "ada")
		old := s.must(t).save(s.id)
		s.holdFor(s.id, "bob")
		s.must(t).load(s.id, old)
		moves := 0
		s.before = func(_ context.Context, op Op, _ sale.ID) error {
			if op == opAdopt && moves < c.moves {
				moves++ // a replica that sold on is promoted, and knows of no loss
				s.load(s.id, old)
				s.holdFor(s.id, fmt.Sprint("late", moves))
				old = s.save(s.id)
			}
			return nil
		}
		_, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50})
		if !errors.Is(err, c.want) {
			t.Errorf("%d moves: got %v, want %v", c.moves, err, c.want)
		}
		if s.before = nil; c.want != nil {
			continue
		}
		s.token = 50
		if got, want := len(s.wantUnited(t).Orders), 2+c.moves; got != want {
			t.Errorf("%d moves: got %d orders, want %d", c.moves, got, want)
		}
	}
}

// TestRecordThatMovesIsReadAgain: a reader that was paused commits between the reading and
// the writing of a reconciliation.
func TestRecordThatMovesIsReadAgain(t *testing.T) {
	s := newSite(t, 10)
	s.must(t)
	s.holdFor(s.id, "ada")
	paused := s.reader()
	if err := paused.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := paused.read(t.Context(), "").page
	s.load(s.id, nil)
	late := false
	o := Reconciliation{Token: paused.token + 1, Progress: func(step string) {
		if strings.HasPrefix(step, "writing") && !late {
			late = true
			fresh, to, err := follow(paused.chain, page, true)
			b := Fold(fresh)
			b.From, b.To = paused.chain, to
			if err := errors.Join(err, s.store.Commit(t.Context(), s.id, paused.token, b)); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := s.reconciler().Run(t.Context(), s.id, o); err != nil {
		t.Fatal(err)
	}
	s.token = o.Token
	if got, want := outcome(s.wantUnited(t)), []string{"ada held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReconciliationWithoutItsLeaseIsFencedOff: the next holder has written.
func TestReconciliationWithoutItsLeaseIsFencedOff(t *testing.T) {
	s := newSite(t, 10)
	s.holdFor(s.id, "ada")
	s.must(t).load(s.id, nil)
	if err := s.store.Commit(t.Context(), s.id, 50, Batch{}); err != nil {
		t.Fatal(err)
	}
	rows := s.rows(t)
	if _, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 49}); !errors.Is(err, sale.ErrFenced) {
		t.Errorf("got %v, want %v", err, sale.ErrFenced)
	}
	if s.save(s.id) != nil || !slices.Equal(rows, s.rows(t)) {
		t.Error("got something written, want nothing")
	}
}

func TestNodeThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	s := newSite(t, 10)
	s.holdFor(s.id, "ada")
	s.must(t).load(s.id, nil)
	s.memory.err = errDown
	if _, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50}); !errors.Is(err, errDown) {
		t.Errorf("got %v, want %v", err, errDown)
	}
	if _, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50, DryRun: true}); err != nil {
		t.Errorf("dry run: got %v, want a plan", err)
	}
	s.token = 50
	s.reconcile(t, Reconciliation{WithoutNodes: true})
	if got, want := outcome(s.wantUnited(t)), []string{"ada held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReconcileKnowsNoSale(t *testing.T) {
	s := newSite(t, 10)
	s.load(s.id, nil)
	if _, err := s.reconciler().Run(t.Context(), s.id, Reconciliation{Token: 50}); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
}

// TestSiteWithoutALedgerReconcilesFromRedisAndNodes.
func TestSiteWithoutALedgerReconcilesFromRedisAndNodes(t *testing.T) {
	s := newSite(t, 10)
	s.holdFor(s.id, "ada")
	old := s.save(s.id)
	s.memory.remember(s.id, s.holdFor(s.id, "bob"))
	s.load(s.id, old)
	r := s.reconciler()
	r.Store = nil
	if _, err := r.Run(t.Context(), s.id, Reconciliation{}); !errors.Is(err, ErrWhole) {
		t.Errorf("got %v, want %v as nobody has shut it", err, ErrWhole)
	}
	s.with(func() { s.kept[s.id].Shut("a node has seen more") })
	if _, err := r.Run(t.Context(), s.id, Reconciliation{}); err != nil {
		t.Fatal(err)
	}
	k := s.save(s.id)
	if got, want := outcome(k.Records()), []string{"ada held", "bob held"}; !slices.Equal(got, want) || k.ledger || k.Lost() != "" {
		t.Errorf("got %q, ledger %v, lost %q; want %q in a site without one", got, k.ledger, k.Lost(), want)
	}
}
