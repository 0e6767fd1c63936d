package ledger

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// byHand leaves reconciliations to an operator.
func byHand(l *Ledger) { l.Reconcile = nil }

// TestSaleThatRedisHasLostIsNoticedWithinTwoLooks: Redis comes back empty, and lists nothing.
func TestSaleThatRedisHasLostIsNoticedWithinTwoLooks(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	first := m.run(t, s, quick())
	r.hold(id)
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 2 })
	first.stop(t)
	truth := r.truth(id)
	r.load(id, nil)
	r.with(func() { r.sales = nil })
	var looks, noticed atomic.Int64
	r.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpSales {
			looks.Add(1)
		}
		return nil
	}
	cfg := quick()
	cfg.Look = DefaultConfig().Look
	l := m.run(t, s, cfg, byHand, func(l *Ledger) {
		report := l.hooks.Lost
		l.hooks.Lost = func(id sale.ID, lost bool) {
			if lost {
				noticed.Store(looks.Load())
			}
			report(id, lost)
		}
	})
	await.Until(t, "notice of the loss", func() bool { return noticed.Load() > 0 })
	l.stop(t)
	if got := noticed.Load(); got > 2 {
		t.Errorf("got it noticed after %d looks, want at most 2", got)
	}
	r.before = nil
	t.Run("and reconciled by itself", func(t *testing.T) {
		m.run(t, s, quick())
		await.Until(t, "sale in Redis", func() bool { k := r.save(id); return k != nil && k.Read() == k.Chain().Seq })
		if got, want := outcome(r.truth(id)), outcome(truth); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestReaderGoesOnAfterAReconciliation: it reads its chain anew. With the one of before it
// took the new epoch for another loss, and reconciled for ever.
func TestReaderGoesOnAfterAReconciliation(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	r.hold(id)
	l := m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 2 })
	old := r.save(id)
	r.hold(id)
	await.Until(t, "empty stream again", func() bool { return r.save(id).Read() == 3 })
	r.load(id, old)
	r.hold(id)
	await.Until(t, "new epoch", func() bool { k := r.save(id); return k.Chain().Epoch > 1 && k.Read() == k.Chain().Seq })
	r.hold(id)
	await.Until(t, "order of the new epoch", func() bool { return r.waiting(id) == 0 })
	await.Until(t, "end of the loss in the log", func() bool { return l.count(dataLost.Over) == 1 })
	l.stop(t)
	k := r.save(id)
	if k.Chain().Epoch != 2 || len(k.Records().Orders) != 4 || k.Lost() != "" {
		t.Errorf("got epoch %d with %d orders, lost %q, want 2 with all 4", k.Chain().Epoch, len(k.Records().Orders), k.Lost())
	}
	wantRecords(t, s, id, k.Records())
	if began := l.count(dataLost.Begins); began != 1 || l.count(decisionNeeded.Begins) != 0 {
		t.Errorf("got the loss logged %d times, want once: %v", began, l.logged.All())
	}
	if want := []bool{false, true, false, false}; !slices.Equal(l.lost[id], want) {
		t.Errorf("got reports %v, want %v: what changed, and the end", l.lost[id], want)
	}
}

// TestFormerLayoutIsReconciledThoughItCantBeShut.
func TestFormerLayoutIsReconciledThoughItCantBeShut(t *testing.T) {
	r, id, m := alone()
	r.hold(id)
	r.with(func() { r.kept[id].old = true })
	s := ownStore(t)
	m.run(t, s, quick())
	await.Until(t, "sale in today's layout", func() bool { k := r.save(id); return !k.old && k.Read() == k.Chain().Seq })
	if k := r.save(id); k.Chain().Epoch != 2 || k.Chain().Life == "" || len(k.Records().Orders) != 1 {
		t.Errorf("got %v with %d orders, want a life, an epoch that nobody has seen, and the order", k.Chain(), len(k.Records().Orders))
	}
	wantRecords(t, s, id, r.truth(id))
}

// TestSaleThatNeedsADecisionStaysShutAndIsLoggedOnce.
func TestSaleThatNeedsADecisionStaysShutAndIsLoggedOnce(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	l := m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 1 })
	old := r.save(id)
	r.holdFor(id, "ada")
	await.Until(t, "empty stream again", func() bool { return r.save(id).Read() == 2 })
	r.load(id, old)
	r.holdFor(id, "ada")
	await.Until(t, "several tries", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.failed[OpReconcile] > 3 })
	if r.lost(id) == "" {
		t.Error("got the sale open, want it shut")
	}
	l.stop(t)
	if a, b := l.count(dataLost.Begins), l.count(decisionNeeded.Begins); a != 1 || b != 1 || l.count(dataLost.Over) != 0 {
		t.Errorf("got the loss logged %d times and the decision that is needed %d times, want once each, and no end: %v", a, b, l.logged.All())
	}
}

// TestOperatorGetsTheLease of a sale that is lost, and of one that is whole.
func TestOperatorGetsTheLease(t *testing.T) {
	for name, damage := range map[string]func(*kept){
		"whole": func(*kept) {}, "lost": func(k *kept) { k.Shut("a node has seen more") },
	} {
		t.Run(name, func(t *testing.T) {
			r, id, m := alone()
			l := m.run(t, ownStore(t), quick(), byHand)
			await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 1 })
			r.with(func() { damage(r.kept[id]); r.yields[id] = true })
			operator := member{r, "operator", m.ttl}.claim(id)
			await.Until(t, "lease", func() bool {
				_, held, err := operator.Acquire(t.Context())
				return held && err == nil
			})
			await.Until(t, "end of the reading", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return !l.reading[id] })
		})
	}
}

// TestPostgresGoneWhileTheUnionIsWritten is an outage and nothing to decide.
func TestPostgresGoneWhileTheUnionIsWritten(t *testing.T) {
	s := newSite(t, 10)
	s.store = ownStore(t)
	s.holdFor(s.id, "ada")
	s.must(t).load(s.id, nil)
	admin := openStore(t, ledgertest.Server.URL())
	killed := false
	o := Reconciliation{Token: 50, Progress: func(string) {
		killed = true
		_, err := admin.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1`,
			s.store.pool.Config().ConnConfig.Database)
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := s.reconciler().Run(t.Context(), s.id, o)
	if !killed || !errors.Is(err, ErrAway) {
		t.Errorf("got %v, want %v", err, ErrAway)
	}
	if got := kindOf(OpReconcile, err); got != databaseAway {
		t.Errorf("got it logged as %q, want %q", got.Begins, databaseAway.Begins)
	}
	s.token = 50
	s.reconcile(t, Reconciliation{})
	if got, want := outcome(s.wantUnited(t)), []string{"ada held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOpeningWhoseEntryIsGoneIsConfirmed: the ledger has committed it and died, and then the
// stream was lost. Redis would never sell.
func TestOpeningWhoseEntryIsGoneIsConfirmed(t *testing.T) {
	s := newSite(t, 10)
	s.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpForget {
			return errDown
		}
		return nil
	}
	if err := s.record(t.Context()); !errors.Is(err, errDown) {
		t.Fatalf("got %v, want %v", err, errDown)
	}
	s.before = nil
	s.tear(s.id, 0)
	if err := s.record(t.Context()); err != nil || s.save(s.id).Read() != 1 {
		t.Errorf("got %v and event %d confirmed, want the first", err, s.save(s.id).Read())
	}
}

// TestUnknownSaleOfSeveralPages: its chain begins with the first page that is committed,
// whatever fails before.
func TestUnknownSaleOfSeveralPages(t *testing.T) {
	s := newSite(t, 1_000)
	for range 3 * quick().Entries {
		s.hold(s.id)
	}
	r := s.reader()
	stopped, cancel := context.WithCancel(t.Context())
	s.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpEvents {
			cancel() // the first commit fails
		}
		return nil
	}
	if _, err := r.drain(t.Context(), stopped); err == nil {
		t.Error("got no error, want one")
	}
	if _, err := s.store.Chain(t.Context(), s.id); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
	s.before, r.known = nil, false
	entries, err := r.drain(t.Context(), t.Context())
	if err != nil || entries != 3*quick().Entries+1 {
		t.Errorf("got %d entries (%v), want all %d", entries, err, 3*quick().Entries+1)
	}
	s.wantReading(t)
}

// TestReadAheadThatFailsIsNoLoss: Redis was away for the second page.
func TestReadAheadThatFailsIsNoLoss(t *testing.T) {
	s := newSite(t, 1_000)
	for range 2 * quick().Entries {
		s.hold(s.id)
	}
	s.secondPageFails(errDown)
	r := s.reader()
	entries, err := r.drain(t.Context(), t.Context())
	if !errors.Is(err, errDown) || errors.Is(err, sale.ErrLost) || entries != quick().Entries {
		t.Errorf("got %d entries and %v, want %d and %v", entries, err, quick().Entries, errDown)
	}
	s.before, r.known = nil, false
	if _, err := r.drain(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantReading(t)
}

// TestRedisThatLosesTheSaleBetweenTwoPages is a loss, found without waiting for the next look.
func TestRedisThatLosesTheSaleBetweenTwoPages(t *testing.T) {
	s := newSite(t, 1_000)
	for range 2 * quick().Entries {
		s.hold(s.id)
	}
	s.after = func(op Op, _ sale.ID) error {
		if op == OpForget {
			s.load(s.id, nil)
		}
		return nil
	}
	err := s.record(t.Context())
	if !errors.Is(err, sale.ErrLost) {
		err = s.record(t.Context()) // all pages were read before it went
	}
	if !errors.Is(err, sale.ErrLost) {
		t.Errorf("got %v, want a loss", err)
	}
}
