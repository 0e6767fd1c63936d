package ledger

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// alone is a redis with one sale and one ledger's view of it.
func alone() (*redis, sale.ID, member) {
	r := newRedis()
	return r, r.open(), member{r, "a", 2 * time.Second}
}

func TestStreamIsEmptiedIntoTheBook(t *testing.T) {
	r, id, m := alone()
	cfg := quick()
	cfg.Entries = 3
	for range 10 {
		r.hold(id)
	}
	s := ownStore(t)
	l := m.run(t, s, cfg)
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
	r.hold(id)
	await.Until(t, "empty stream again", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
	l.stop(t)
	if l.committed != 11 {
		t.Errorf("got %d orders reported, want 11", l.committed)
	}
	ahead := 0
	r.with(func() {
		for _, after := range r.reads {
			if after != "" {
				ahead++
			}
		}
	})
	if ahead < 4 {
		t.Errorf("got %d reads ahead, want one for each of 4 batches", ahead)
	}
}

// TestForgottenOnlyAfterTheCommit: what an entry records is in the book by the time that
// the entry is deleted, and nothing else is deleted.
func TestForgottenOnlyAfterTheCommit(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	var missing, seen atomic.Int64
	r.forgets = func(doomed []sale.Event) {
		b, err := s.Book(context.Background(), id)
		if err != nil {
			missing.Add(1)
		}
		for _, e := range doomed {
			for _, o := range e.Orders {
				seen.Add(1)
				if b.Orders[o.ID] != o {
					missing.Add(1)
				}
			}
		}
	}
	m.run(t, s, quick())
	for range 50 {
		r.hold(id)
	}
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	if missing.Load() != 0 || seen.Load() != 50 {
		t.Errorf("got %d of %d orders deleted before their commit, want none of 50", missing.Load(), seen.Load())
	}
	wantRecords(t, s, id, r.truth(id))
}

func TestFailedForgetBeginsAtTheHead(t *testing.T) {
	r, id, m := alone()
	cfg := quick()
	cfg.Entries = 2
	for range 9 {
		r.hold(id)
	}
	var failures atomic.Int64
	r.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpForget && failures.Add(1) <= 3 {
			return errDown
		}
		return nil
	}
	s := ownStore(t)
	l := m.run(t, s, cfg)
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
	l.stop(t)
	if l.failed[OpForget] != 3 {
		t.Errorf("got %d failures reported, want all 3", l.failed[OpForget])
	}
	if began, ended := l.count(redisAway.Begins), l.count(redisAway.Over); began != 1 || ended != 1 {
		t.Errorf("got it logged %d times as away and %d times as back, want once each", began, ended)
	}
	// 5 batches, the first of them forgotten four times and committed once.
	if l.committed != 9 {
		t.Errorf("got %d orders committed, want 9: a repetition is known as one", l.committed)
	}
}

func TestContradictionWaitsForTheOperator(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	healthy := r.open()
	l := m.run(t, s, quick())
	await.Until(t, "opening recorded", func() bool { return r.waiting(id) == 0 })
	stray := newOrder("ada", start) // of no event, and live
	_, err := s.pool.Exec(t.Context(), `
INSERT INTO orders (sale, id, buyer, quantity, state, created_at, expires_at, changed_at) VALUES ($1, $2, 'ada', 1, 'held', now(), now(), now())`, id, stray.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.holdFor(id, "ada")
	r.hold(id)
	r.hold(healthy)
	await.Until(t, "refusal", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.failed[OpCommit] > 3 })
	await.Until(t, "other sale's commit", func() bool { return r.waiting(healthy) == 0 })
	if got := r.waiting(id); got != 2 {
		t.Errorf("got %d entries waiting, want both", got)
	}
	logged := l.logged.FilterMessage(contradiction.Begins).All()
	if len(logged) != 1 {
		t.Fatalf("got %d log lines, want one: %v", len(logged), l.logged.All())
	}
	fields := logged[0].ContextMap()
	if fields["sale"] != string(id) || fields["head"] == "" || !strings.Contains(fields["error"].(string), "one_live_order") {
		t.Errorf("got %v, want the sale, the head of its stream and the index", fields)
	}
	if _, err := s.pool.Exec(t.Context(), `DELETE FROM orders WHERE id = $1`, stray.ID); err != nil { // so the operator decides
		t.Fatal(err)
	}
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
	await.Until(t, "end of the contradiction in the log", func() bool { return l.count(contradiction.Over) == 1 })
}

// TestDatabaseNewerThanTheSaleGetsIt: it is reconciled from what Redis has.
func TestDatabaseNewerThanTheSaleGetsIt(t *testing.T) {
	r, id, m := alone()
	for range 3 {
		r.hold(id)
	}
	r.pay(id, r.hold(id), "pay_1")
	r.tear(id, 0, 4) // another database has had the rest
	s := ownStore(t)
	m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
}

// TestDatabaseThatComesBackAsAnother: after a failure the ledger asks anew whether the sale
// is known.
func TestDatabaseThatComesBackAsAnother(t *testing.T) {
	r, id, m := alone()
	r.hold(id)
	s := ownStore(t)
	m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	for _, table := range []string{"orders WHERE sale", "readers WHERE sale", "sales WHERE id"} {
		if _, err := s.pool.Exec(t.Context(), `DELETE FROM `+table+` = $1`, id); err != nil {
			t.Fatal(err)
		}
	}
	r.hold(id)
	await.Until(t, "empty stream again", func() bool { return r.waiting(id) == 0 })
	wantRecords(t, s, id, r.truth(id))
}

func TestUnreadableEntryBlocksNothing(t *testing.T) {
	r, id, m := alone()
	r.restock(id, "more", 1)
	r.with(func() { k := r.kept[id]; k.faulty[k.Chain().Mark] = "torn" })
	r.hold(id)
	s := ownStore(t)
	l := m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	if b := book(t, s, id); b.Unreadable != 1 || len(b.Orders) != 1 {
		t.Errorf("got %d quarantined and %d orders, want 1 and 1", b.Unreadable, len(b.Orders))
	}
	l.stop(t)
	if l.quarantined != 1 || l.logged.FilterFieldKey("fault").Len() != 1 {
		t.Errorf("got %d reported and %d logged, want 1 and 1", l.quarantined, l.logged.FilterFieldKey("fault").Len())
	}
}

func TestStopFinishesTheBatchUnderWay(t *testing.T) {
	r, id, m := alone()
	cfg := quick()
	cfg.Entries = 2
	for range 9 {
		r.hold(id)
	}
	reached, proceed := make(chan struct{}), make(chan struct{})
	r.before = func(ctx context.Context, op Op, _ sale.ID) error {
		if op == OpForget {
			close(reached) // a second batch would close it twice
			<-proceed
		}
		return ctx.Err()
	}
	s := ownStore(t)
	l := m.run(t, s, cfg)
	<-reached
	l.cancel()
	if held := r.holders()["a"]; !slices.Equal(held, []sale.ID{id}) {
		t.Errorf("got leases %v before the batch is finished, want %s", held, id)
	}
	close(proceed)
	l.stop(t)
	if got := r.waiting(id); got != 8 {
		t.Errorf("got %d of 10 entries waiting, want 8: the batch under way forgotten, and no other", got)
	}
	if held := r.holders(); len(held) != 0 {
		t.Errorf("got leases %v, want none", held)
	}
	if len(r.members) != 0 {
		t.Errorf("got %v in the registry, want nobody", r.members)
	}
}

// TestFencedOffReaderStops pauses a ledger in the middle of a batch while its lease passes on.
func TestFencedOffReaderStops(t *testing.T) {
	r, id, m := alone()
	s := ownStore(t)
	var paused atomic.Bool
	reached, proceed := make(chan struct{}), make(chan struct{})
	r.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpEvents && paused.CompareAndSwap(true, false) {
			close(reached)
			<-proceed
		}
		return nil
	}
	l := m.run(t, s, quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	paused.Store(true)
	<-reached
	o := r.hold(id)
	if err := s.Commit(t.Context(), id, 1<<40, Batch{}); err != nil { // a later holder's fence
		t.Fatal(err)
	}
	close(proceed)
	await.Until(t, "end of the reading", func() bool { return l.count("no longer reading") > 0 })
	if _, written := book(t, s, id).Orders[o.ID]; written || r.waiting(id) != 1 {
		t.Errorf("got written %v and %d entries waiting, want the order to wait for the later holder", written, r.waiting(id))
	}
	cause, _ := l.logged.FilterMessage("no longer reading").All()[0].ContextMap()["cause"].(string)
	if !strings.Contains(cause, sale.ErrFenced.Error()) {
		t.Errorf("got cause %q, want %q", cause, sale.ErrFenced)
	}
}

func TestLostLeaseStopsTheReader(t *testing.T) {
	r, id, m := alone()
	l := m.run(t, ownStore(t), quick())
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 })
	r.with(func() { r.leases[id] = holder{"stranger", 1 << 41, time.Now().Add(time.Hour)} })
	await.Until(t, "end of the reading", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return !l.reading[id] })
	r.hold(id)
	await.Until(t, "lag of the sale that nobody reads here", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.entries[id] == 1 && l.lag[id] > 0 })
	if r.waiting(id) != 1 {
		t.Error("got the entry taken without the lease, want it to wait")
	}
}

// Each hook is optional, also where a sale is lost, an entry unreadable and a call fails.
func TestHooksThatAreNotSetAreNotCalled(t *testing.T) {
	r, id, m := alone()
	var calls atomic.Int64
	r.before = func(context.Context, Op, sale.ID) error {
		if calls.Add(1) < 5 {
			return errDown
		}
		return nil
	}
	m.run(t, ownStore(t), quick(), func(l *Ledger) { l.hooks, l.failures.hooks = Hooks{}, Hooks{} })
	r.restock(id, "more", 1)
	r.with(func() { k := r.kept[id]; k.faulty[k.Chain().Mark] = "torn" })
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 2 })
	r.load(id, nil)
	await.Until(t, "sale in Redis again", func() bool { k := r.save(id); return k != nil && k.Read() == k.Chain().Seq })
}
