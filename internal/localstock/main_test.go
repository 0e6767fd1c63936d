package localstock_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refill is a refill under way, waiting for the test to answer it.
type refill struct {
	known    sale.Generation
	quantity int
	answer   chan refilled
}

type refilled struct {
	grant sale.Grant
	err   error
}

func (d refill) grants(g sale.Grant) { d.answer <- refilled{grant: g} }
func (d refill) fails(err error)     { d.answer <- refilled{err: err} }

// source holds every refill until the test answers it. It has room for more than
// one, so that a second refill in flight shows instead of blocking.
type source struct{ refills chan refill }

func newSource() *source { return &source{refills: make(chan refill, 16)} }

func (s *source) Refill(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error) {
	d := refill{known, quantity, make(chan refilled, 1)}
	s.refills <- d
	select {
	case a := <-d.answer:
		return a.grant, a.err
	case <-ctx.Done():
		return sale.Grant{}, ctx.Err()
	}
}

// next returns the one refill that is under way.
func (s *source) next(t testing.TB) refill {
	t.Helper()
	synctest.Wait()
	if len(s.refills) != 1 {
		t.Fatalf("got %d refills under way, want 1", len(s.refills))
	}
	return <-s.refills
}

// idle fails the test where a refill was started.
func (s *source) idle(t testing.TB) {
	t.Helper()
	synctest.Wait()
	if n := len(s.refills); n != 0 {
		t.Fatalf("got %d new refills, want none", n)
	}
}

// request is an Acquire under way.
type request struct {
	taken   localstock.Taken
	refusal localstock.Refusal
	ok      bool
	took    time.Duration
	done    chan struct{}
}

func acquire(ctx context.Context, s *localstock.Stock, quantity int) *request {
	r := &request{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		from := time.Now()
		r.taken, r.refusal, r.ok = s.Acquire(ctx, quantity)
		r.took = time.Since(from)
	}()
	return r
}

// queue starts requests one after the other, so that their order is certain.
func queue(t testing.TB, s *localstock.Stock, quantities ...int) []*request {
	t.Helper()
	var rs []*request
	for _, q := range quantities {
		rs = append(rs, acquire(t.Context(), s, q))
		synctest.Wait()
	}
	return rs
}

func (r *request) waits(t testing.TB) {
	t.Helper()
	synctest.Wait()
	select {
	case <-r.done:
		t.Fatalf("got an answer (ok %v, %+v), want the request to wait", r.ok, r.refusal)
	default:
	}
}

func (r *request) answered(t testing.TB) {
	t.Helper()
	synctest.Wait()
	select {
	case <-r.done:
	default:
		t.Fatal("got no answer, want one")
	}
}

func (r *request) served(t testing.TB) {
	t.Helper()
	if r.answered(t); !r.ok {
		t.Fatalf("got the refusal %+v, want tickets", r.refusal)
	}
}

func (r *request) refused(t testing.TB, want sale.Outcome) {
	t.Helper()
	if r.answered(t); r.ok || r.refusal.Outcome != want || r.refusal.Err != nil {
		t.Fatalf("got ok %v, %+v, want %v", r.ok, r.refusal, want)
	}
}

func newStock(src localstock.Source, change ...func(*localstock.Config)) *localstock.Stock {
	c := localstock.DefaultConfig()
	for _, f := range change {
		f(&c)
	}
	return localstock.New(src, c, localstock.Hooks{})
}

// reading is what a call sent now would return.
func reading(stock sale.Generation, remaining int64) sale.Reading {
	return sale.Reading{Sent: time.Now(), At: 1, Remaining: remaining, Stock: stock}
}

// planned is a reading of stock generation 1 with plenty left, and a plan.
func planned(generation sale.Generation, slice, buffer int64) sale.Reading {
	r := reading(1, 1_000_000)
	r.Plan = generation
	r.Allotment = sale.Allotment{Generation: generation, Slice: slice, Buffer: buffer}
	return r
}

func wantLevel(t testing.TB, s *localstock.Stock, slice, buffer int64) {
	t.Helper()
	if gotSlice, gotBuffer := s.Level(); gotSlice != slice || gotBuffer != buffer {
		t.Fatalf("got slice %d and buffer %d, want %d and %d", gotSlice, gotBuffer, slice, buffer)
	}
}

func mustTake(t testing.TB, s *localstock.Stock, quantity int) localstock.Taken {
	t.Helper()
	taken, ok := s.Take(quantity)
	if !ok {
		t.Fatalf("got nothing, want %d tickets", quantity)
	}
	return taken
}

func wantNames(t testing.TB, err error, names ...string) {
	t.Helper()
	for _, name := range names {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want it to name %q", err, name)
		}
	}
}
