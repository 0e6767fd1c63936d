package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// Calls of a reconciliation, by which tests make them fail.
const (
	opTime     Op = "time"
	opSnapshot Op = "snapshot"
	opFormer   Op = "former"
	opAdopt    Op = "adopt"
	opHolds    Op = "holds"
)

func (r *redis) Time(ctx context.Context) (now sale.Instant, err error) {
	err = r.call(ctx, opTime, "", func() error { now = r.now; return nil })
	return now, err
}

func (r *redis) Snapshot(ctx context.Context, id sale.ID) (v sale.Snapshot, err error) {
	err = r.about(ctx, opSnapshot, id, func(k *kept) error {
		v = k.Snapshot()
		v.Stream = k.stream()
		return nil
	})
	return v, err
}

func (r *redis) Former(ctx context.Context, id sale.ID) (v sale.Snapshot, err error) {
	err = r.call(ctx, opFormer, id, func() error {
		v = sale.Snapshot{Records: r.kept[id].Records(), At: r.now}
		v.Chain.Seq = 1
		return nil
	})
	return v, err
}

func (r *redis) Adopt(ctx context.Context, id sale.ID, a sale.Adoption) error {
	return r.call(ctx, opAdopt, id, func() error {
		r.now++
		k, err := r.kept[id].adopt(id, r.now, false, a)
		if err == nil {
			r.kept[id] = k
		}
		return err
	})
}

// memory is what nodes remember: functions of the test.
type memory struct {
	r     *redis
	holds []reconcile.Hold
	seen  []sale.Mark
	err   error
}

func (m *memory) Holds(ctx context.Context, id sale.ID) (holds []reconcile.Hold, seen []sale.Mark, err error) {
	err = m.r.call(ctx, opHolds, id, func() error { holds, seen = m.holds, m.seen; return m.err })
	return holds, seen, err
}

// remember has a node acknowledge the order that the last event granted.
func (m *memory) remember(id sale.ID, o sale.Order) {
	c := m.r.save(id).Chain()
	m.holds = append(m.holds, reconcile.Hold{Order: o, Mark: c.Mark, Life: c.Life, Node: "n1"})
	m.seen = []sale.Mark{c.Mark}
}

// site is one sale in Redis, PostgreSQL and a node's memory, and the token of its lease.
type site struct {
	*redis
	id     sale.ID
	store  *database
	memory *memory
	token  sale.Generation
}

func newSite(t testing.TB, total int64) *site {
	t.Helper()
	s := &site{redis: newRedis(), id: newID(), store: openStore(t, ledgertest.Server.URL()), token: 1}
	s.memory = &memory{r: s.redis}
	s.openAs(s.id, total)
	return s
}

// secondPageFails has Redis fail at the second page of events that is read.
func (s *site) secondPageFails(err error) {
	reads := 0
	s.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpEvents {
			if reads++; reads == 2 {
				return err
			}
		}
		return nil
	}
}

// record has a reader take the stream into the ledger, up to its end. It returns the first
// error, which leaves the sale as it is.
func (s *site) record(ctx context.Context) error {
	r := s.reader()
	_, err := r.drain(ctx, ctx)
	return err
}

// reader reads the sale under a new token.
func (s *site) reader() *reader {
	s.token++
	cfg := quick()
	return &reader{id: s.id, token: s.token, stream: s.redis, store: s.store, cfg: cfg, failures: quiet()}
}

func (s *site) reconciler() *Reconciler {
	return &Reconciler{Stock: s.redis, Store: s.store, Memory: s.memory, Cfg: quick()}
}

// reconcile runs a reconciliation, and has its event recorded.
func (s *site) reconcile(t tester, o Reconciliation) reconcile.Plan {
	t.Helper()
	s.token++
	o.Token = s.token
	plan, err := s.reconciler().Run(t.Context(), s.id, o)
	if err != nil {
		t.Fatalf("reconcile: %v\n%s", err, plan)
	}
	return plan
}

// wantUnited: Redis and the ledger hold the same records, the sale is not shut, and a reader
// goes on.
func (s *site) wantUnited(t tester) sale.Records {
	t.Helper()
	if err := s.record(t.Context()); err != nil {
		t.Fatalf("reader after the reconciliation: %v", err)
	}
	s.wantReading(t)
	o := s.hold(s.id)
	if err := s.record(t.Context()); err != nil {
		t.Fatalf("reader of a new order: %v", err)
	}
	s.wantReading(t)
	truth := s.truth(s.id)
	delete(truth.Orders, o.ID)
	return truth
}

// wantReading: what Redis has is recorded, and nothing waits.
func (s *site) wantReading(t tester) {
	t.Helper()
	k := s.save(s.id)
	if k.Lost() != "" || len(k.stream()) > 0 || k.Read() != k.Chain().Seq {
		t.Errorf("got lost %q, %d events waiting and %d of %d recorded, want all of a sale that sells", k.Lost(), len(k.stream()), k.Read(), k.Chain().Seq)
	}
	want, got := k.Records(), book(t, s.store, s.id).Records
	for id := range k.dropped {
		if o, recorded := got.Orders[id]; recorded && !o.State.Live() {
			want.Orders[id] = o // the ledger shows it
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("book (-want +got):\n%s", diff)
	}
	if c, err := s.store.Chain(t.Context(), s.id); err != nil || c != k.Chain() {
		t.Errorf("got the ledger at %v (%v), want %v as Redis", c, err, k.Chain())
	}
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
