package strategy

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"onsale/internal/testbed/await"
)

// inner is what a strategy in PostgreSQL is built on.
func inner(t *testing.T, s Strategy) *postgres {
	t.Helper()
	switch s := s.(type) {
	case rowLock:
		return s.postgres
	case version:
		return s.postgres
	case decrement:
		return s.postgres
	case advisory:
		return s.postgres
	case skipLocked:
		return s.postgres
	}
	t.Fatalf("%T is not in PostgreSQL", s)
	return nil
}

// inPostgres runs the test for each strategy in PostgreSQL.
func inPostgres(t *testing.T, test func(t *testing.T, name string)) {
	for _, e := range All {
		if e.Stores.Postgres {
			t.Run(e.Name, func(t *testing.T) { test(t, e.Name) })
		}
	}
}

func TestCommitsAreOnDiskWhateverTheServersDefaultIs(t *testing.T) {
	inPostgres(t, func(t *testing.T, name string) {
		var got string
		p := inner(t, start(t, name, config()))
		if err := p.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&got); got != "on" || err != nil {
			t.Errorf("got synchronous_commit %q, %v, want on", got, err)
		}
		if got := p.pool.Config().MaxConns; got != int32(config().PostgresPool) {
			t.Errorf("got at most %d connections, want %d", got, config().PostgresPool)
		}
	})
}

// takes are how a transaction of the strategy's takes a ticket, before its order; those that are not
// here write the sale's row.
var takes = map[string][]string{
	"postgres-advisory":    {advisoryLockSQL, takeSaleSQL},
	"postgres-skip-locked": {`DELETE FROM strategy.tickets WHERE sale = $1 AND number = (SELECT min(number) FROM strategy.tickets WHERE sale = $1)`},
}

const takeSaleSQL = `UPDATE strategy.sales SET stock = stock - 1, version = version + 1 WHERE sale = $1`

// rival is another buyer's transaction that has taken a ticket and not committed.
type rival struct {
	t    *testing.T
	conn *pgx.Conn
	tx   pgx.Tx
}

func newRival(t *testing.T, strategy, name, buyer string) rival {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), postgresServer.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps := takes[strategy]
	if steps == nil {
		steps = []string{takeSaleSQL}
	}
	for _, sql := range steps {
		if _, err := tx.Exec(t.Context(), sql, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO strategy.orders (id, sale, buyer, ticket) VALUES ($1, $2, $3, 1)`, newID(), name, []byte(buyer)); err != nil {
		t.Fatal(err)
	}
	return rival{t, conn, tx}
}

// commitOnceAwaited commits when somebody waits for the rival's lock.
func (r rival) commitOnceAwaited() {
	r.t.Helper()
	r.endOnceAwaited(r.tx.Commit)
}

// endOnceAwaited ends the transaction in that way when somebody waits for its lock.
func (r rival) endOnceAwaited(end func(context.Context) error) {
	r.t.Helper()
	watch, err := pgx.Connect(r.t.Context(), postgresServer.URL())
	if err != nil {
		r.t.Fatal(err)
	}
	defer watch.Close(context.Background())
	await.Until(r.t, "wait for the lock", func() bool {
		var waiting bool
		err := watch.QueryRow(r.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))`,
			int32(r.conn.PgConn().PID())).Scan(&waiting)
		if err != nil {
			r.t.Fatal(err)
		}
		return waiting
	})
	if err := end(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func TestABuyerWhoWaitedSeesWhatTheFasterOneDid(t *testing.T) {
	for _, c := range []struct {
		name  string
		total int64
		rival string
		want  Outcome
		left  int64
	}{
		{"the last ticket went", 1, "other", SoldOut, 0},
		{"the last ticket went to the buyer's other request", 1, "buyer", Replayed, 0},
		{"the buyer's other request has an order", 3, "buyer", Replayed, 2},
		{"there are more tickets", 3, "other", Sold, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPostgres(t, func(t *testing.T, strategy string) {
				if strategy == "postgres-skip-locked" && c.want == Sold {
					return // nobody waits: see TestBuyersOfTicketRowsDoNotWaitForEachOther
				}
				s, name := opened(t, strategy, c.total)
				r := newRival(t, strategy, name, c.rival)
				bought := make(chan struct{})
				go func() {
					defer close(bought)
					wantBuy(t, s, name, "buyer", c.want)
				}()
				r.commitOnceAwaited()
				<-bought
				wantRemaining(t, s, name, c.left)
			})
		})
	}
}

// A connection that is left in a transaction is closed by the pool, and a new one
// costs more than the sale.
func TestRowLockKeepsItsConnectionWhenItComesTooLate(t *testing.T) {
	c := config()
	c.PostgresPool = 1
	s, name := start(t, "postgres-row-lock", c), newName()
	if err := s.Open(t.Context(), name, 1); err != nil {
		t.Fatal(err)
	}
	r := newRival(t, "postgres-row-lock", name, "other")
	bought := make(chan struct{})
	go func() {
		defer close(bought)
		wantBuy(t, s, name, "buyer", SoldOut)
	}()
	r.commitOnceAwaited()
	<-bought
	wantRemaining(t, s, name, 0)
	if got := inner(t, s).pool.Stat().NewConnsCount(); got != 1 {
		t.Errorf("got %d connections made, want 1", got)
	}
}

func TestVersionGivesUpAfterItsAttempts(t *testing.T) {
	c := config()
	c.Attempts = 1
	s, name := start(t, "postgres-version", c), newName()
	if err := s.Open(t.Context(), name, 3); err != nil {
		t.Fatal(err)
	}
	r := newRival(t, "postgres-version", name, "other")
	bought := make(chan struct{})
	go func() {
		defer close(bought)
		wantBuy(t, s, name, "buyer", Conflict)
	}()
	r.commitOnceAwaited()
	<-bought
	wantRemaining(t, s, name, 2)
	wantBuy(t, s, name, "buyer", Sold)
}

// Sold out and replays cost no lock: they are answered while somebody holds it.
func TestNobodyWaitsForALockThatCanNotHelp(t *testing.T) {
	inPostgres(t, func(t *testing.T, strategy string) {
		s, name := opened(t, strategy, 1)
		wantBuy(t, s, name, "owner", Sold)
		r := newRival(t, strategy, name, "rival") // it takes what is not there, but holds the row
		defer r.tx.Rollback(context.Background())
		wantBuy(t, s, name, "owner", Replayed)
		wantBuy(t, s, name, "buyer", SoldOut)
	})
}

// A pool of one connection deadlocks where a strategy keeps one and asks for another.
func TestOneConnectionIsEnough(t *testing.T) {
	inPostgres(t, func(t *testing.T, strategy string) {
		c := config()
		c.PostgresPool = 1
		s, name := start(t, strategy, c), newName()
		if err := s.Open(t.Context(), name, 100); err != nil {
			t.Fatal(err)
		}
		wantPlenty(t, s, name, of(s, name))
	})
}
