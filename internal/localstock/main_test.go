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

// draw is a draw under way, waiting for the test to answer it.
type draw struct {
	known    sale.Generation
	quantity int
	answer   chan drawn
}

type drawn struct {
	grant sale.Grant
	err   error
}

func (d draw) grants(g sale.Grant) { d.answer <- drawn{grant: g} }
func (d draw) fails(err error)     { d.answer <- drawn{err: err} }

// source holds every draw until the test answers it. It has room for more than
// one, so that a second draw in flight shows instead of blocking.
type source struct{ draws chan draw }

func newSource() *source { return &source{draws: make(chan draw, 16)} }

func (s *source) Draw(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error) {
	d := draw{known, quantity, make(chan drawn, 1)}
	s.draws <- d
	select {
	case a := <-d.answer:
		return a.grant, a.err
	case <-ctx.Done():
		return sale.Grant{}, ctx.Err()
	}
}

// next returns the one draw that is under way.
func (s *source) next(t testing.TB) draw {
	t.Helper()
	synctest.Wait()
	if len(s.draws) != 1 {
		t.Fatalf("got %d draws under way, want 1", len(s.draws))
	}
	return <-s.draws
}

// idle fails the test where a draw was started.
func (s *source) idle(t testing.TB) {
	t.Helper()
	synctest.Wait()
	if n := len(s.draws); n != 0 {
		t.Fatalf("got %d new draws, want none", n)
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

// line starts requests one after the other, so that their order is certain.
func line(t testing.TB, s *localstock.Stock, quantities ...int) []*request {
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

// reading is what a call sent now would say.
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
