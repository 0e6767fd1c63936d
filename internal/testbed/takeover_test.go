package testbed_test

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// One ledger reads a sale and another stands by. Whatever happens to the one, the other
// takes over, and nothing is written twice or by who should be silent.
func TestAnotherLedgerTakesOver(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 2})
	s.open(t, 1_000_000, time.Minute)
	reader, other := s.reading(t)
	if got := gauge(other, reading); got == 1 {
		t.Errorf("%s reads too, want it to stand by", other.Name)
	}
	var acked atomic.Int64
	stop := s.buyers(t, func(a answer, err error) {
		if err != nil || a.status != http.StatusCreated && a.status != http.StatusOK {
			t.Errorf("got %+v, %v, want an order", a, err)
		}
		acked.Add(1)
		time.Sleep(20 * time.Millisecond) // some hundred orders a second are enough
	})
	// committed waits until the ledger has taken orders that were sold from now on.
	committed := func(l *testbed.Member, limit time.Duration, what string) {
		t.Helper()
		series := `onsale_ledger_orders_total{sale="demo"}`
		await.Within(t, limit, what+": "+l.Name+" reads", func() bool { return gauge(l, reading) == 1 })
		before := gauge(l, series)
		await.Within(t, limit, what+": "+l.Name+" commits", func() bool { return gauge(l, series) > max(0, before)+50 })
	}
	committed(reader, 10*time.Second, "all is well")

	if err := reader.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	committed(other, 10*time.Second, "the reader was killed")
	t.Logf("the other commits %v after the reader was killed", time.Since(killed))
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "it stands by", func() bool { return readyz(reader) == http.StatusOK })
	reader, other = other, reader

	if err := reader.Pause(); err != nil {
		t.Fatal(err)
	}
	committed(other, 10*time.Second, "the reader was paused")
	if err := reader.Resume(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "who was paused reads no more", func() bool { return resting(reader) })
	committed(other, 10*time.Second, "the paused one is back")
	stop()
	if got := int64(len(s.recorded(t).Book.Orders)); got != acked.Load() {
		t.Errorf("got %d orders in the ledger, want the %d acknowledged", got, acked.Load())
	}
	for _, l := range s.Ledgers {
		quickly(t, l, "all is well")
	}
}

// The worst moment to be paused in is between a transaction's last statement and its commit:
// PostgreSQL then keeps the rows that the next reader needs.
func TestLedgerPausedWithinATransactionIsTakenOver(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 2})
	s.open(t, 100, time.Minute)
	reader, other := s.reading(t)
	order := s.buy(t, "ann").order
	s.recorded(t)
	unlock := s.lock(t, "SELECT FROM orders FOR UPDATE") // keeps the reader's transaction from its end
	if got := s.ask(t, http.MethodDelete, "/v1/sales/demo/orders/"+order, "ann", ""); got.status != http.StatusOK {
		t.Fatalf("got %+v, want 200", got)
	}
	waits := func() bool { return s.query(t, "SELECT count(*) FROM pg_locks WHERE NOT granted") == "1" }
	await.Within(t, 30*time.Second, "the reader is paused while it waits for the order's row", func() bool {
		if !waits() {
			return false
		}
		if err := reader.Pause(); err != nil {
			t.Fatal(err)
		}
		if waits() { // it may have given up just before it was paused
			return true
		}
		if err := reader.Resume(); err != nil {
			t.Fatal(err)
		}
		return false
	})
	unlock()
	await.Within(t, 10*time.Second, "a transaction waits for the paused ledger", func() bool {
		return s.query(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") == "1"
	})
	took := await.Within(t, 20*time.Second, "the other ledger commits", func() bool { return gauge(other, `onsale_ledger_orders_total{sale="demo"}`) == 1 })
	t.Logf("the other committed %v after the reader was paused", took)
	if err := reader.Resume(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "who was paused reads no more", func() bool { return resting(reader) })
	if got := s.recorded(t).Book.Orders[sale.OrderID(order)].State; got != sale.StateCancelled {
		t.Errorf("the ledger has the order %s, want cancelled", got)
	}
}

// reading finds the ledger that reads the sale, and the one that stands by.
func (s *site) reading(t *testing.T) (reader, other *testbed.Member) {
	t.Helper()
	await.Within(t, 5*time.Second, "one ledger reads", func() bool {
		for i, l := range s.Ledgers {
			if gauge(l, reading) == 1 {
				reader, other = l, s.Ledgers[1-i]
			}
		}
		return reader != nil
	})
	return reader, other
}

// psql is PostgreSQL's own client: here no package but the ledger's speaks its protocol.
func psql(t *testing.T) string {
	t.Helper()
	bin, err := process.FindPostgres()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, "psql")
}

// query is the one value that a query returns.
func (s *site) query(t *testing.T, query string) string {
	t.Helper()
	out, err := exec.CommandContext(s.ctx, psql(t), s.Postgres.URL(), "-XAtc", query).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", query, err, out)
	}
	return strings.TrimSpace(string(out))
}

// lock runs a statement that takes a lock, and keeps it until unlock.
func (s *site) lock(t *testing.T, statement string) (unlock func()) {
	t.Helper()
	client := exec.CommandContext(s.ctx, psql(t), s.Postgres.URL(), "-XAt")
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "BEGIN;\n"+statement+";\n\\echo locked\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "locked" {
	}
	return func() {
		if err := in.Close(); err != nil { // psql ends, and with it the transaction
			t.Error(err)
		}
		for lines.Scan() {
		}
		if err := client.Wait(); err != nil {
			t.Error(err)
		}
	}
}
