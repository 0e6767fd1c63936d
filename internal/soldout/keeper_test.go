package soldout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/sale"
	"onsale/internal/soldout"
)

// store is a Redis of sales that are all asked for.
type store struct {
	mu      sync.Mutex
	sales   map[sale.ID]sale.Answer
	away    error
	slow    time.Duration // between reading and the reply
	overdue map[sale.ID]int
	reads   int
	silent  bool // nobody asks
	calls   int64
}

func (s *store) Hot(context.Context, int64) (ids []sale.ID, next int64, lost bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.silent {
		return nil, s.calls, false, s.away
	}
	for id := range s.sales {
		ids = append(ids, id)
	}
	return ids, s.calls, false, s.away
}

func (s *store) ReadAll(_ context.Context, asks []sale.Ask) (answers []sale.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := time.Now()
	for _, ask := range asks {
		s.reads++
		a, known := s.sales[ask.ID]
		switch {
		case s.away != nil:
			a = sale.Answer{Err: s.away}
		case !known:
			a = sale.Answer{Err: sale.ErrNoSale}
		}
		a.Reading.Sent, a.Reading.At = sent, sale.Instant(sent.UnixMilli())
		answers = append(answers, a)
	}
	time.Sleep(s.slow)
	return answers
}

func (s *store) Expire(_ context.Context, id sale.ID, _ sale.Generation, _ int) (ended int, more bool, r sale.Reading, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended, s.overdue[id] = s.overdue[id], 0
	a := s.sales[id]
	a.Reading.Remaining += int64(ended)
	s.sales[id] = a
	return ended, false, a.Reading, s.away
}

func (s *store) set(id sale.ID, remaining int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sales[id] = sale.Answer{Sale: sale.Sale{ID: id}, Reading: sale.Reading{Remaining: remaining}}
}

func newStore(soldOut ...sale.ID) *store {
	s := &store{sales: map[sale.ID]sale.Answer{}, overdue: map[sale.ID]int{}}
	for _, id := range soldOut {
		s.set(id, 0)
	}
	return s
}

// keep runs a keeper until the test ends, or stop is called.
func keep(t *testing.T, s *store, folder string, hooks soldout.Hooks, log *zap.Logger) (stop func()) {
	t.Helper()
	k, err := soldout.New(s, soldout.DefaultConfig(folder), hooks, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return stop
}

// leased is what Nginx finds now.
func leased(folder string, id sale.ID) bool {
	_, err := os.Stat(filepath.Join(folder, fmt.Sprintf("%s.%d", id, time.Now().Unix())))
	return err == nil
}

func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestALeaseHasNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := filepath.Join(t.TempDir(), "soldout"), newStore("gone", "left")
		defer syscall.Umask(syscall.Umask(0o077))
		s.set("left", 1)
		s.slow = 100 * time.Millisecond
		stop := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
		time.Sleep(time.Second)
		for range 1000 {
			if !leased(folder, "gone") || leased(folder, "left") {
				t.Fatalf("at %v: got %v, want a lease of the sale that is sold out alone", time.Now(), names(t, folder))
			}
			if n := len(names(t, folder)); n > 3 {
				t.Fatalf("got %d files, want this second's, the next one's, and one more for a moment", n)
			}
			time.Sleep(7 * time.Millisecond)
		}
		if info, err := os.Stat(filepath.Join(folder, names(t, folder)[0])); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("got %v, %v: workers of Nginx open the file", info.Mode(), err)
		}
		if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("got %v, %v: workers of Nginx are another user and must be able to enter", info.Mode(), err)
		}
		stop()
		if left := names(t, folder); len(left) > 0 {
			t.Errorf("got %v after the keeper has ended, want none", left)
		}
	})
}

// A keeper that is stopped at the worst moment, between its reading and the file, writes what is over by two seconds after the
// reading, and so does one that is killed after it.
func TestNoLeaseIsOlderThanTwoSeconds(t *testing.T) {
	for _, stopped := range []time.Duration{0, 300 * time.Millisecond, 999 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
		for _, begin := range []time.Duration{0, time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				folder, s := t.TempDir(), newStore("gone")
				time.Sleep(begin)
				s.slow = stopped
				sent := time.Now()
				stop := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
				time.Sleep(stopped + time.Millisecond)
				s.mu.Lock()
				s.away, s.slow = errors.New("and nothing is known from now on"), 0
				s.mu.Unlock()
				for time.Since(sent) < 6*time.Second {
					if age := time.Since(sent); leased(folder, "gone") && age >= 2*time.Second {
						t.Fatalf("stopped for %v: got a lease %v after the reading was sent, want less than 2 s", stopped, age)
					}
					time.Sleep(10 * time.Millisecond)
				}
				stop()
			})
		}
	}
}

func TestReturnedTicketsEndALease(t *testing.T) {
	for name, back := range map[string]func(*store){
		"returned": func(s *store) { s.set("gone", 1) },
		"overdue":  func(s *store) { s.mu.Lock(); s.overdue["gone"] = 1; s.mu.Unlock() },
		"archived": func(s *store) { s.mu.Lock(); delete(s.sales, "gone"); s.mu.Unlock() },
		"closed":   func(s *store) { s.definition(func(d *sale.Sale) { d.Closed = true }) },
		"in turn":  func(s *store) { s.definition(func(d *sale.Sale) { d.Admission = sale.AdmitLine }) },
		"about over": func(s *store) {
			s.definition(func(d *sale.Sale) { d.Closes = sale.Instant(time.Now().Add(2 * time.Second).UnixMilli()) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder, s := t.TempDir(), newStore("gone")
				var expired atomic.Int64
				stop := keep(t, s, folder, soldout.Hooks{Expired: func(_ sale.ID, n int) { expired.Add(int64(n)) }}, zap.NewNop())
				defer stop()
				time.Sleep(2500 * time.Millisecond)
				if !leased(folder, "gone") {
					t.Fatal("got no lease before")
				}
				back(s)
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				if left := names(t, folder); len(left) > 0 {
					t.Errorf("got %v, want no file left", left)
				}
				if want := map[bool]int64{true: 1}[name == "overdue"]; expired.Load() != want {
					t.Errorf("got %d holds ended, want %d", expired.Load(), want)
				}
			})
		})
	}
}

func (s *store) definition(change func(*sale.Sale)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.sales["gone"]
	change(&a.Sale)
	s.sales["gone"] = a
}

// readsInATick is how many sales one look reads, of which nobody asks for any more.
func (s *store) readsInATick() int {
	s.mu.Lock()
	s.silent, s.reads = true, 0
	s.mu.Unlock()
	time.Sleep(soldout.DefaultConfig("").Tick)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// What a crash has left, or what would count again after the clock was set back, goes; what is no lease stays.
func TestOldFilesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), newStore()
		now := time.Now().Unix()
		for _, name := range []string{
			fmt.Sprintf("gone.%d", now-86400), fmt.Sprintf("gone.%d", now-1), fmt.Sprintf("gone.%d", now+2), fmt.Sprintf("gone.%d", now+3600),
			"README", "UPPER.17", "gone.txt", ".17",
		} {
			if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		stop := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
		time.Sleep(10 * time.Millisecond)
		if got, want := names(t, folder), []string{".17", "README", "UPPER.17", "gone.txt"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		stop()
	})
}

func TestTwoKeepersOfOneFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), newStore("gone")
		stop := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
		time.Sleep(130 * time.Millisecond)
		other := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
		time.Sleep(2 * time.Second)
		stop()
		time.Sleep(time.Second) // the one that has ended took the files along
		for range 200 {
			if !leased(folder, "gone") {
				t.Fatalf("got %v, want the lease of the one that is left", names(t, folder))
			}
			time.Sleep(10 * time.Millisecond)
		}
		other()
	})
}

func TestAFolderThatCannotBeWrittenIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		parent := t.TempDir()
		folder := filepath.Join(parent, "away", "soldout")
		var failed, leases atomic.Int64
		hooks := soldout.Hooks{Failed: func(error) { failed.Add(1) }, Leased: func(n int) { leases.Store(int64(n)) }}
		stop := keep(t, newStore("gone"), folder, hooks, zap.New(core))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := logs.All(); len(got) != 1 || !strings.Contains(got[0].Message, "make the folder writable") || failed.Load() < 10 || leases.Load() != 0 {
			t.Errorf("got %v, %d failures and %d leases, want one line for all failures", got, failed.Load(), leases.Load())
		}
		if err := os.Mkdir(filepath.Join(parent, "away"), 0o755); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := logs.All(); len(got) != 2 || !leased(folder, "gone") || leases.Load() != 1 {
			t.Errorf("got %v and %v, want that it is over, and leases", got, names(t, folder))
		}
		stop()
	})
}

// Nodes don't see who asks for a sale that Nginx answers for, so it stays for longer; and it is not pushed out by others.
func TestWhichSalesAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, s := t.TempDir(), newStore("gone")
		stop := keep(t, s, folder, soldout.Hooks{}, zap.NewNop())
		time.Sleep(time.Second)
		for i := range 1000 {
			s.set(sale.ID(fmt.Sprint("hot-", i)), 5)
		}
		time.Sleep(2 * time.Second)
		if reads := s.readsInATick(); reads != 200 || !leased(folder, "gone") {
			t.Errorf("got %d reads and the lease %v, want 200, that of the sold-out sale among them", reads, leased(folder, "gone"))
		}
		time.Sleep(time.Minute)
		if reads := s.readsInATick(); reads != 1 || !leased(folder, "gone") {
			t.Errorf("after a minute: got %d reads and the lease %v, want that of the sold-out sale", reads, leased(folder, "gone"))
		}
		time.Sleep(10 * time.Minute)
		if len(names(t, folder)) > 0 {
			t.Errorf("got %v, want none of a sale that nobody asked for in ten minutes", names(t, folder))
		}
		stop()
	})
}

func TestConfigReportsEveryFault(t *testing.T) {
	if err := soldout.DefaultConfig("/x").Validate(); err != nil {
		t.Error(err)
	}
	if _, err := soldout.New(newStore(), soldout.Config{}, soldout.Hooks{}, zap.NewNop()); err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("got %v, want six faults", err)
	}
}
