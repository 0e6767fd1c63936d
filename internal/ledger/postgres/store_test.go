package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

func TestMigrateTogether(t *testing.T) {
	to := database(t)
	const ledgers = 5
	results := make(chan error, ledgers)
	for range ledgers {
		go func() { results <- Migrate(context.Background(), to) }()
	}
	for range ledgers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	s, id := openStore(t, to), newID()
	commit(t, s, id, opened(newSale(id, 1)))
	if err := Migrate(context.Background(), to); err != nil {
		t.Errorf("once more: got %v, want nothing to do", err)
	}
	if got := book(t, s, id).Opened; got != 1 {
		t.Errorf("got a sale of %d, want 1", got)
	}
}

func TestMigrateWaitsForAnother(t *testing.T) {
	to := database(t)
	s := openStore(t, to)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock($1)`, lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	if err := Migrate(short, to); !errors.Is(err, ledger.ErrAway) {
		t.Errorf("got %v, want %v while another ledger migrates", err, ledger.ErrAway)
	}
	var made bool
	if err := s.pool.QueryRow(t.Context(), `SELECT to_regclass('orders') IS NOT NULL`).Scan(&made); err != nil || made {
		t.Errorf("got tables %v (%v), want none", made, err)
	}
}

func TestWhatIsAwayIsReported(t *testing.T) {
	ctx := context.Background()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	nobody := with(t, func(u *url.URL) { u.Host = process.Loopback(port) })
	admin := openStore(t, ledgertest.Server.URL())
	if _, err := admin.pool.Exec(ctx, `CREATE ROLE limited LOGIN PASSWORD 'secret' CONNECTION LIMIT 0`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.pool.Exec(ctx, `DROP ROLE limited`); err != nil {
			t.Error(err)
		}
	})
	for name, c := range map[string]struct {
		url  string
		away bool
	}{
		"nobody listens":            {nobody, true},
		"too many connections":      {with(t, func(u *url.URL) { u.User = url.UserPassword("limited", "secret") }), true},
		"read only, as a standby":   {with(t, func(u *url.URL) { u.RawQuery += "&default_transaction_read_only=on" }), true},
		"a wrong password is not":   {with(t, func(u *url.URL) { u.User = url.UserPassword("onsale", "wrong") }), false},
		"nor no such database":      {with(t, func(u *url.URL) { u.Path = "/nowhere" }), false},
		"nor a database unmigrated": {database(t), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, c.url)
			err := s.Commit(ctx, "demo", 1, ledger.Batch{})
			if err == nil || errors.Is(err, ledger.ErrAway) != c.away || errors.Is(err, ledger.ErrRefused) {
				t.Errorf("got %v, want away: %v", err, c.away)
			}
			if s := fmt.Sprint(err); strings.Contains(s, "secret") || strings.Contains(s, "wrong") {
				t.Errorf("got %q, want no password in it", s)
			}
		})
	}
	t.Run("a migration", func(t *testing.T) {
		if err := Migrate(ctx, nobody); !errors.Is(err, ledger.ErrAway) {
			t.Errorf("got %v, want %v", err, ledger.ErrAway)
		}
	})
	t.Run("one that hangs", func(t *testing.T) {
		s, id := stuck(t)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := s.Commit(short, id, 1, ledger.Batch{}); !errors.Is(err, ledger.ErrAway) {
			t.Errorf("got %v, want %v", err, ledger.ErrAway)
		}
	})
	t.Run("but not if the caller stops it", func(t *testing.T) {
		s, id := stuck(t)
		stopped, cancel := context.WithCancel(ctx)
		result := make(chan error, 1)
		go func() { result <- s.Commit(stopped, id, 1, ledger.Batch{}) }()
		await.Until(t, "commit that waits for a row", func() bool {
			var waiting bool
			err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')`).Scan(&waiting)
			return err == nil && waiting
		})
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) || errors.Is(err, ledger.ErrAway) {
			t.Errorf("got %v, want %v alone", err, context.Canceled)
		}
	})
}

func TestAStoppedMigrationIsNotAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		conn, err := silent.Accept()
		cancel() // while it waits for the first answer
		if err == nil {
			<-t.Context().Done()
			conn.Close()
		}
	}()
	t.Cleanup(func() { <-accepted }) // the test's context is done by then
	err = Migrate(ctx, with(t, func(u *url.URL) { u.Host = silent.Addr().String() }))
	if !errors.Is(err, context.Canceled) || errors.Is(err, ledger.ErrAway) {
		t.Errorf("got %v, want %v alone", err, context.Canceled)
	}
}

// stuck is a store with a sale whose commits wait for as long as the test runs.
func stuck(t *testing.T) (*Store, sale.ID) {
	t.Helper()
	s, id := sold(t)
	tx, err := s.pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(context.Background(), `UPDATE readers SET token = token WHERE sale = $1`, id); err != nil {
		t.Fatal(err)
	}
	return s, id
}

func TestCommitsAreDurableWhateverTheDefault(t *testing.T) {
	for set, want := range map[string]string{"off": "on", "on": "on", "local": "local", "remote_apply": "remote_apply"} {
		s := openStore(t, with(t, func(u *url.URL) { u.RawQuery += "&synchronous_commit=" + set }))
		var got string
		if err := s.write(t.Context(), func(tx pgx.Tx) error { return tx.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&got) }); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("default %s: got %s, want %s", set, got, want)
		}
	}
}

func TestOpenRefusesWhatIsNoURL(t *testing.T) {
	if _, err := Open(context.Background(), "postgres://host:port:more/%zz"); err == nil {
		t.Error("got no error, want one")
	}
}

// TestBookIsOfOneInstant reads books while orders come with their payments: a book that was
// put together from several instants has one without the other.
func TestBookIsOfOneInstant(t *testing.T) {
	s, id := sold(t)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			o := in(newOrder(fmt.Sprint("buyer", n), start), sale.StatePaid)
			e := entry(1, o)
			e.Payments = []sale.Payment{newPayment(o, fmt.Sprint("pay_", n), start)}
			if err := s.Commit(context.Background(), id, 1, ledger.Fold([]sale.Event{e})); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 200 {
		if b := book(t, s, id); len(b.Orders) != len(b.Payments) {
			t.Errorf("got %d orders and %d payments, want as many", len(b.Orders), len(b.Payments))
			break
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
