package localstock_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

func TestTake(t *testing.T) {
	for _, test := range []struct {
		name                  string
		quantity              int
		ok                    bool
		wantSlice, wantBuffer int64
	}{
		{"part of the slice leaves the buffer alone", 2, true, 1, 4},
		{"the whole slice leaves the buffer alone", 3, true, 0, 4},
		{"more than the slice goes on into the buffer", 5, true, 0, 2},
		{"everything at once", 7, true, 0, 0},
		{"more than both takes nothing", 8, false, 3, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStock(newSource())
			s.Observe(planned(1, 3, 4))
			taken, ok := s.Take(test.quantity)
			if ok != test.ok {
				t.Fatalf("got %v, want %v", ok, test.ok)
			}
			wantLevel(t, s, test.wantSlice, test.wantBuffer)
			s.HandBack(taken)
			wantLevel(t, s, 3, 4)
		})
	}
}

func TestNewPlanReplacesTheOldOne(t *testing.T) {
	s := newStock(newSource())
	s.Observe(planned(5, 10, 10))
	inFlight := mustTake(t, s, 12)
	wantLevel(t, s, 0, 8)

	s.Observe(planned(6, 3, 1))
	wantLevel(t, s, 3, 1)
	if s.Generation() != 6 {
		t.Errorf("got generation %d, want 6", s.Generation())
	}
	t.Run("a hand-back across plans is dropped", func(t *testing.T) {
		s.HandBack(inFlight)
		wantLevel(t, s, 3, 1)
	})
	t.Run("an older or equal plan changes nothing", func(t *testing.T) {
		mustTake(t, s, 1)
		s.Observe(planned(6, 3, 1))
		s.Observe(planned(5, 99, 99))
		wantLevel(t, s, 2, 1)
	})
	t.Run("an outdated reading may still bring a newer plan", func(t *testing.T) {
		later := reading(9, 100)
		s.Observe(later)
		r := planned(7, 4, 4) // stock generation 1
		r.Sent = later.Sent.Add(-time.Millisecond)
		s.Observe(r)
		wantLevel(t, s, 4, 4)
	})
	t.Run("an empty share is a plan too", func(t *testing.T) {
		s.Observe(planned(8, 0, 0))
		wantLevel(t, s, 0, 0)
	})
}

func TestReplacingAPlanTakesNoTimeByItsSize(t *testing.T) {
	s := newStock(newSource())
	for g := range sale.Generation(1000) {
		s.Observe(planned(g+1, sale.MaxTotal, sale.MaxTotal))
	}
	wantLevel(t, s, sale.MaxTotal, sale.MaxTotal)
	taken := mustTake(t, s, sale.MaxLimit)
	s.HandBack(taken)
	wantLevel(t, s, sale.MaxTotal, sale.MaxTotal)
}

func TestHandBackAcrossSoldOutIsDropped(t *testing.T) {
	s := newStock(newSource())
	s.Observe(planned(1, 5, 5))
	taken := mustTake(t, s, 3)
	s.Observe(reading(1, 0))
	wantLevel(t, s, 0, 0)
	s.HandBack(taken)
	wantLevel(t, s, 0, 0)
}

func TestZeroTakenHandsNothingBack(t *testing.T) {
	s := newStock(newSource())
	s.HandBack(localstock.Taken{})
	wantLevel(t, s, 0, 0)
}

// TestManyTakersNeverShareATicket has takers race with each other and with
// hand-backs: what is out plus what is left is the plan, always.
func TestManyTakersNeverShareATicket(t *testing.T) {
	const slice, buffer, takers = 300, 200, 16
	s := newStock(newSource())
	s.Observe(planned(1, slice, buffer))
	var out atomic.Int64
	var group sync.WaitGroup
	for i := range takers {
		group.Go(func() {
			q := i%4 + 1
			for n := range 1000 {
				taken, ok := s.Take(q)
				if !ok {
					continue
				}
				if got := out.Add(int64(q)); got > slice+buffer {
					t.Errorf("got %d tickets out at once, want at most %d", got, slice+buffer)
				}
				if n%50 == 49 {
					continue // sold
				}
				out.Add(int64(-q))
				s.HandBack(taken)
			}
		})
	}
	group.Wait()
	left, spare := s.Level()
	if got := left + spare + out.Load(); got != slice+buffer {
		t.Errorf("got %d tickets out and left, want %d", got, slice+buffer)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	s := newStock(newSource())
	s.Observe(planned(1, 100, 100))
	var sink bool
	for name, f := range map[string]func(){
		"Take and HandBack": func() {
			taken, _ := s.Take(150)
			s.HandBack(taken)
		},
		"a Take that fails": func() { _, sink = s.Take(1000) },
		"SoldOut":           func() { sink = s.SoldOut() },
		"Observe":           func() { s.Observe(planned(1, 0, 0)) },
	} {
		if got := testing.AllocsPerRun(200, f); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
	_ = sink
}

func TestHooks(t *testing.T) {
	var buffered int
	var adopted []sale.Allotment
	s := localstock.New(newSource(), localstock.DefaultConfig(), localstock.Hooks{
		Buffered: func() { buffered++ },
		Adopted:  func(a sale.Allotment) { adopted = append(adopted, a) },
	})
	s.Observe(planned(1, 1, 5))
	mustTake(t, s, 1)
	if buffered != 0 {
		t.Fatalf("got %d reports of a slice run out, want none while the slice lasts", buffered)
	}
	mustTake(t, s, 1)
	mustTake(t, s, 1)
	if buffered != 1 {
		t.Errorf("got %d reports, want one an epoch", buffered)
	}
	s.Observe(planned(2, 0, 5))
	mustTake(t, s, 1)
	if buffered != 2 {
		t.Errorf("got %d reports, want another one in the next epoch", buffered)
	}
	if len(adopted) != 2 || adopted[1] != (sale.Allotment{Generation: 2, Buffer: 5}) {
		t.Errorf("got adopted plans %+v, want two", adopted)
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	if err := localstock.DefaultConfig().Validate(); err != nil {
		t.Fatalf("default: %v", err)
	}
	err := localstock.Config{Lease: 2 * time.Second}.Validate()
	wantNames(t, err, "wait", "waiters", "lease")
}
