package postgres

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// bounced is an empty database behind a PgBouncer that has two connections for it.
func bounced(t *testing.T) string {
	t.Helper()
	b, err := process.StartPgBouncer(t.Context(), ledgertest.Server, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	direct, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	return b.URL(path.Base(direct.Path))
}

// TestLedgersBehindPgBouncer has ledgers migrate, write and read together, while each transaction
// gets another connection of the server's than the one before it.
func TestLedgersBehindPgBouncer(t *testing.T) {
	to := bounced(t)
	const ledgers, batches = 4, 20
	t.Run("migrate together", func(t *testing.T) {
		atOnce(t, ledgers, func(int) error { return Migrate(t.Context(), to) })
	})
	t.Run("record together", func(t *testing.T) {
		ids := make([]sale.ID, ledgers)
		for i := range ids {
			ids[i] = newID()
		}
		atOnce(t, ledgers, func(i int) error { return sell(t.Context(), to, ids[i], batches) })
		s := openStore(t, to)
		for _, id := range ids {
			if got := len(book(t, s, id).Orders); got != batches {
				t.Errorf("got %d orders of %s, want %d", got, id, batches)
			}
		}
	})
	t.Run("a setting stays in its transaction", func(t *testing.T) {
		// The server's connections are shared with programs that are not ours.
		s := openStore(t, to)
		for range 10 {
			var got string
			err := s.pool.QueryRow(t.Context(), `SELECT current_setting('idle_in_transaction_session_timeout')`).Scan(&got)
			if err != nil || got != "0" {
				t.Fatalf("got idle_in_transaction_session_timeout %q (%v), want the server's, 0", got, err)
			}
		}
	})
}

// atOnce runs as many at once, and reports what each of them returns.
func atOnce(t *testing.T, n int, run func(i int) error) {
	t.Helper()
	results := make(chan error, n)
	for i := range n {
		go func() { results <- run(i) }()
	}
	for range n {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// sell opens a sale in the ledger, and writes and reads it as a reader does.
func sell(ctx context.Context, url string, id sale.ID, batches int) error {
	s, err := Open(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	events := []sale.Event{opened(newSale(id, int64(2*batches)))}
	for n := range batches {
		events = append(events, entry(n, newOrder(fmt.Sprint("buyer", n), start)))
		if err := s.Commit(ctx, id, 1, ledger.Fold(events)); err != nil {
			return err
		}
		events = nil
		if _, err := s.Chain(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// TestASettingThatLedgersCannotWorkWithIsRefused: with some, a ledger wrote nothing for ever; with
// others, it failed behind a PgBouncer.
func TestASettingThatLedgersCannotWorkWithIsRefused(t *testing.T) {
	for _, setting := range []string{
		"default_query_exec_mode=simple_protocol", "default_query_exec_mode=exec",
		"default_query_exec_mode=cache_statement", "default_query_exec_mode=describe_exec", "description_cache_capacity=0",
	} {
		to := ledgertest.Server.URL() + "&" + setting
		_, err := Open(t.Context(), to)
		for call, err := range map[string]error{"Open": err, "Migrate": Migrate(t.Context(), to)} {
			if err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "leave it out") {
				t.Errorf("%s, %s: got %v, want an error that names it and what to do", setting, call, err)
			}
		}
	}
}
