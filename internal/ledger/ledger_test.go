package ledger

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// shares is how many sales each of the named ledgers holds.
func (r *redis) shares(names ...string) []int {
	held := r.holders()
	counts := make([]int, len(names))
	for i, name := range names {
		counts[i] = len(held[name])
	}
	return counts
}

func TestLedgersShareTheSales(t *testing.T) {
	r, s := newRedis(), ownStore(t)
	var ids []sale.ID
	for range 5 {
		ids = append(ids, r.open())
	}
	cfg := quick()
	cfg.LeaseTime, cfg.Call = 300*time.Millisecond, 200*time.Millisecond
	a := member{r, "a", cfg.LeaseTime}.run(t, s, cfg)
	await.Until(t, "ledger that has all five", func() bool { return slices.Equal(r.shares("a"), []int{5}) })
	b := member{r, "b", cfg.LeaseTime}.run(t, s, cfg)
	await.Until(t, "shares of three and two", func() bool { return slices.Equal(r.shares("a", "b"), []int{3, 2}) })
	for _, id := range ids {
		r.hold(id)
	}
	emptied := func() bool {
		n := 0
		for _, id := range ids {
			n += r.waiting(id)
		}
		return n == 0
	}
	await.Until(t, "empty streams", emptied)

	// One vanishes: it renews nothing in Redis any more, and its leases run out by themselves.
	b.cancel()
	<-b.ended
	b.ended <- nil
	r.with(func() {
		r.members["b"] = time.Now().Add(cfg.LeaseTime)
		for i, id := range ids[:2] {
			r.leases[id] = holder{"b", sale.Generation(1_000 + i), time.Now().Add(cfg.LeaseTime)}
		}
	})
	for _, id := range ids {
		r.hold(id)
	}
	await.Until(t, "ledger that has all five again", func() bool { return slices.Equal(r.shares("a", "b"), []int{5, 0}) })
	await.Until(t, "empty streams once more", emptied)
	for _, id := range ids {
		wantRecords(t, s, id, r.truth(id))
	}
	t.Run("and none when all have stopped", func(t *testing.T) {
		a.stop(t)
		if held := r.holders(); len(held) != 0 {
			t.Errorf("got leases %v, want none", held)
		}
		if _, on := r.members["a"]; on {
			t.Error("got a stopped ledger in the registry, want it removed")
		}
		if diff := cmp.Diff(map[sale.ID]bool{ids[0]: false, ids[1]: false, ids[2]: false, ids[3]: false, ids[4]: false}, a.reading); diff != "" {
			t.Errorf("reading (-want +got):\n%s", diff)
		}
	})
}

func TestStandingByMeasuresTheLag(t *testing.T) {
	r, id, m := alone()
	r.with(func() { r.leases[id] = holder{"stranger", 99, time.Now().Add(time.Hour)} })
	r.hold(id)
	least := r.save(id).Now.Sub(r.save(id).stream()[0].At)
	l := m.run(t, ownStore(t), quick())
	await.Until(t, "lag", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.entries[id] == 2 })
	l.stop(t)
	if most := r.save(id).Now.Sub(r.save(id).stream()[0].At); l.lag[id] < least || l.lag[id] > most {
		t.Errorf("got a lag of %v, want %v to %v: Redis time less the head's", l.lag[id], least, most)
	}
	if r.waiting(id) != 2 || l.reading[id] {
		t.Error("got the stream read without the lease, want it left alone")
	}
}

func TestArchivedSaleIsDroppedOnceItsStreamIsEmpty(t *testing.T) {
	r, id, m := alone()
	var others []sale.ID
	for range 9 {
		others = append(others, r.open())
	}
	s := ownStore(t)
	down := make(chan struct{})
	r.before = func(_ context.Context, op Op, _ sale.ID) error {
		select {
		case <-down:
		default:
			if op == OpEvents {
				return errDown
			}
		}
		return nil
	}
	l := m.run(t, s, quick())
	archive := func() {
		if _, err := s.pool.Exec(t.Context(), `UPDATE sales SET archived_at = now() WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		r.load(id, nil)
	}
	has := func(n int64) func() bool {
		return func() bool { l.mu.Lock(); defer l.mu.Unlock(); got, known := l.entries[id]; return known && got == n }
	}
	await.Until(t, "backlog", has(1))
	r.with(func() { r.sales = slices.Clone(others) })
	r.hold(id)
	await.Until(t, "larger backlog though it is not listed", has(2))
	close(down)
	await.Until(t, "empty stream", func() bool { return r.waiting(id) == 0 && r.save(id).Read() == 2 })
	truth := r.truth(id)
	archive()
	await.Until(t, "end of its reading, and of no other's", func() bool {
		held := slices.Sorted(slices.Values(r.holders()["a"]))
		return slices.Equal(held, slices.Sorted(slices.Values(others)))
	})
	await.Until(t, "lag of nothing", has(0))
	wantRecords(t, s, id, truth)
	l.stop(t)
	if !slices.Equal(l.forgotten, []sale.ID{id}) {
		t.Errorf("got %v reported as dropped, want the archived sale once", l.forgotten)
	}
	if got := l.count(dataLost.Begins); got != 0 || slices.Contains(l.lost[id], true) {
		t.Errorf("got %d log lines of a loss and %v, want none: archived is not lost", got, l.lost[id])
	}
}

func TestReadyIsBothStoresLately(t *testing.T) {
	r, _, m := alone()
	down := make(chan struct{})
	r.before = func(context.Context, Op, sale.ID) error {
		select {
		case <-down:
			return errDown
		default:
			return nil
		}
	}
	cfg := quick()
	cfg.Call = 50 * time.Millisecond
	l := m.run(t, ownStore(t), cfg)
	await.Until(t, "readiness", l.Ready)
	close(down)
	await.Until(t, "unreadiness without Redis", func() bool { return !l.Ready() })

	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, _, m = alone()
	l = m.run(t, openStore(t, strings.Replace(ledgertest.Server.URL(), process.Loopback(ledgertest.Server.Port), process.Loopback(port), 1)), cfg)
	await.Until(t, "failed ping", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.failed[OpPing] > 2 })
	if l.Ready() {
		t.Error("got ready without PostgreSQL, want not")
	}
}

func TestOneBrokenSaleHidesNoOther(t *testing.T) {
	r := newRedis()
	broken, fine := r.open(), r.open()
	r.before = func(_ context.Context, op Op, id sale.ID) error {
		if id == broken && (op == OpBacklog || op == OpLease) {
			return errDown
		}
		return nil
	}
	l := member{r, "a", time.Second}.run(t, ownStore(t), quick())
	await.Until(t, "reader of the other sale", func() bool { return r.waiting(fine) == 0 })
	await.Until(t, "lag of the other sale", func() bool { l.mu.Lock(); defer l.mu.Unlock(); _, reported := l.entries[fine]; return reported })
}

func TestNewRefusesFaultsAllAtOnce(t *testing.T) {
	_, err := New(nil, nil, nil, nil, Config{}, Hooks{}, zap.NewNop())
	for _, want := range []string{"entries", "look", "poll", "retry", "call", "lease time", "commit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that names %s", err, want)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("defaults: got %v, want none", err)
	}
}

func TestFailuresThatAllSalesShareAreLoggedOnce(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	j := newFailures(zap.New(core), Hooks{})
	var got []string
	note := func(op Op, id sale.ID, err error) {
		j.note(op, id, err)
		for _, line := range logged.TakeAll() {
			got = append(got, line.Message)
		}
	}
	note(OpCommit, "a", ErrAway)
	note(OpCommit, "a", ErrAway)
	note(OpCommit, "b", ErrAway)
	note(OpCommit, "a", nil)
	note(OpCommit, "a", ErrRefused)
	note(OpCommit, "b", ErrRefused)
	note(OpCommit, "b", nil)
	note(OpEvents, "b", errDown)
	j.leave("b")
	note(OpPing, "", errDown)
	j.leave("")
	note(OpChain, "c", lostf("gap"))
	note(OpChain, "c", lostf("gap"))
	note(OpReconcile, "c", ErrDecisionNeeded)
	note(OpReconcile, "c", ErrDecisionNeeded)
	note(OpReconcile, "c", ErrAway)
	note(OpReconcile, "c", nil)
	note(OpChain, "c", nil)
	want := []string{
		databaseAway.Begins,
		contradiction.Begins, // of a, while b is away
		contradiction.Begins, databaseAway.Over,
		contradiction.Over,
		redisAway.Begins,
		notTaken.Begins,
		dataLost.Begins,
		decisionNeeded.Begins,
		databaseAway.Begins, decisionNeeded.Over,
		databaseAway.Over,
		dataLost.Over,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
