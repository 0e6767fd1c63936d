package testbed_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/operate"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// recorded is an audit of what the ledger has once it has everything.
func (s *site) recorded(t *testing.T) operate.Audited {
	t.Helper()
	await.Within(t, 30*time.Second, "the ledger has everything", func() bool {
		waiting, _, _, err := s.store.Backlog(s.ctx, "demo")
		return err == nil && waiting == 0
	})
	a := s.audit(t)
	if a.Book == nil || len(a.Book.Orders) != len(a.Orders) {
		t.Fatalf("got %+v, want a book of all %d orders", a.Book, len(a.Orders))
	}
	return a
}

// prober asks members that may be paused.
var prober = http.Client{Timeout: time.Second}

// gauge is the value of a series in a member's metrics, or -1 if it has no answer.
func gauge(m *testbed.Member, series string) float64 {
	r, err := prober.Get("http://" + m.Admin + "/metrics")
	if err != nil {
		return -1
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return -1
			}
			return v
		}
	}
	return -1
}

// reading is 1 at the ledger that reads the sale.
const reading = `onsale_ledger_reading{sale="demo"}`

// resting reports whether a ledger answers, and does not read the sale.
func resting(m *testbed.Member) bool {
	return gauge(m, "go_goroutines") > 0 && gauge(m, reading) != 1
}

// readyz is the status that a member answers, or 0 where it does not.
func readyz(m *testbed.Member) int {
	r, err := prober.Get("http://" + m.Admin + "/readyz")
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

// quickly wants a member to end by itself soon after SIGTERM.
func quickly(t *testing.T, m *testbed.Member, when string) {
	t.Helper()
	begin := time.Now()
	if err := m.Stop(10 * time.Second); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("%s: got %s stopped after %v, want 2s at most", when, m.Name, took)
	}
}

func TestLedgerWhilePostgreSQLIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1})
	s.open(t, 100, time.Minute)
	l := s.Ledgers[0]
	sell := func(t *testing.T, buyers ...string) {
		t.Helper()
		for _, buyer := range buyers {
			if got := s.buy(t, buyer); got.status != http.StatusCreated {
				t.Fatalf("%s: got %+v, want 201", buyer, got)
			}
		}
	}
	wantLag := func(t *testing.T, what string, ok func(entries, age float64) bool) {
		t.Helper()
		await.Within(t, 10*time.Second, what, func() bool {
			return ok(gauge(l, `onsale_ledger_lag_entries{sale="demo"}`), gauge(l, `onsale_ledger_lag_seconds{sale="demo"}`))
		})
	}
	none := func(entries, age float64) bool { return entries == 0 && age == 0 }

	t.Run("before, nothing waits", func(t *testing.T) {
		sell(t, "ann", "bob", "cid")
		await.Within(t, 5*time.Second, "all orders are committed", func() bool { return gauge(l, `onsale_ledger_orders_total{sale="demo"}`) == 3 })
		wantLag(t, "there is no lag", none)
		if got := readyz(l); got != http.StatusOK {
			t.Errorf("readyz: got %d, want 200", got)
		}
	})
	if err := s.Postgres.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	t.Run("tickets sell, and the lag shows", func(t *testing.T) {
		sell(t, "dan", "eve")
		wantLag(t, "two entries wait, and grow old", func(entries, age float64) bool { return entries == 2 && age > 0 })
	})
	t.Run("the ledger reports that it is not ready", func(t *testing.T) {
		await.Within(t, 10*time.Second, "readyz answers 503", func() bool { return readyz(l) == http.StatusServiceUnavailable })
	})
	t.Run("the ledger stops quickly, and can start", func(t *testing.T) {
		quickly(t, l, "PostgreSQL is away")
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		await.Within(t, 5*time.Second, "readyz answers 503", func() bool { return readyz(l) == http.StatusServiceUnavailable })
		sell(t, "fay")
	})
	t.Run("one that only waits for its tables stops quickly, too", func(t *testing.T) {
		quickly(t, l, "PostgreSQL was away from the start")
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		await.Within(t, 5*time.Second, "readyz answers 503", func() bool { return readyz(l) == http.StatusServiceUnavailable })
	})
	if err := s.Postgres.Restart(s.ctx); err != nil {
		t.Fatal(err)
	}
	t.Run("it catches up by itself", func(t *testing.T) {
		took := await.Within(t, 10*time.Second, "readyz answers 200", func() bool { return readyz(l) == http.StatusOK })
		t.Logf("ready %v after PostgreSQL", took)
		if got := len(s.recorded(t).Book.Orders); got != 6 {
			t.Errorf("got %d orders in the ledger, want 6", got)
		}
		wantLag(t, "there is no lag", none)
	})
	quickly(t, l, "all is well")
}

// In a new installation the ledger may be the first to run.
func TestLedgerStartsBeforeItsStores(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, LedgerLater: true})
	s.open(t, 10, time.Minute)
	// Nothing sells before the ledger has recorded the sale.
	if got := s.buy(t, "ann"); got.status != http.StatusServiceUnavailable || got.code != "store-unavailable" {
		t.Fatalf("got %+v, want 503", got)
	}
	var err error
	if s.Postgres, err = process.StartPostgres(s.ctx, s.Dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Postgres.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	l, err := s.AddLedger()
	if err != nil {
		t.Fatal(err)
	}
	unready := func(t *testing.T) {
		t.Helper()
		await.Within(t, 5*time.Second, "readyz answers 503", func() bool { return readyz(l) == http.StatusServiceUnavailable })
		time.Sleep(1500 * time.Millisecond) // through more than one of its tries
		if got := readyz(l); got != http.StatusServiceUnavailable || !l.Running() {
			t.Errorf("readyz: got %d, running %v, want 503 and true:\n%s", got, l.Running(), l.Tail())
		}
	}
	wantBooked := func(t *testing.T, want int) {
		t.Helper()
		await.Within(t, 10*time.Second, "readyz answers 200", func() bool { return readyz(l) == http.StatusOK })
		if got := len(s.recorded(t).Book.Orders); got != want {
			t.Errorf("got %d orders in the ledger, want %d", got, want)
		}
	}
	t.Run("PostgreSQL comes with an empty database", func(t *testing.T) {
		unready(t)
		if err := s.Postgres.Restart(s.ctx); err != nil {
			t.Fatal(err)
		}
		wantBooked(t, 0)
		if got := s.buy(t, "ann"); got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", got)
		}
		wantBooked(t, 1)
	})
	t.Run("Redis comes with orders that wait", func(t *testing.T) {
		quickly(t, l, "all is well")
		if got := s.buy(t, "bob"); got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", got)
		}
		if err := s.Redis.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		unready(t)
		if err := s.Redis.Restart(s.ctx); err != nil {
			t.Fatal(err)
		}
		wantBooked(t, 2)
	})
	t.Run("and it stops quickly while Redis is away", func(t *testing.T) {
		if err := s.Redis.Kill(); err != nil {
			t.Fatal(err)
		}
		await.Within(t, 10*time.Second, "readyz answers 503", func() bool { return readyz(l) == http.StatusServiceUnavailable })
		quickly(t, l, "Redis is away")
		if err := s.Redis.Restart(s.ctx); err != nil {
			t.Fatal(err)
		}
	})
}
