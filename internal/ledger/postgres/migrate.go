package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"onsale/internal/pause"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the database to this program's schema. Several ledgers may do so at once: a
// lock lets one at a time through. It returns [ledger.ErrAway] where PostgreSQL can't be reached.
func Migrate(ctx context.Context, url string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate the ledger: %w", classify(err))
		}
	}()
	config, err := parse(url)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	// goose looks for pending work before it takes the lock. This one look is answered by
	// a plain error where PostgreSQL is away, which goose's own would hide.
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithLocker(&migrationLock{}),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrationLock lets one ledger at a time migrate: an advisory lock of a transaction that stays
// open meanwhile, and is gone with its connection. goose's own lock belongs to a session, which
// PgBouncer may share among transactions. Both have one id, so ledgers of earlier versions wait, too.
//
// The migrations run on a second connection. A ledger that waits keeps none, so that a small pool
// has two for the one that migrates.
type migrationLock struct{ tx *sql.Tx }

// A ledger asks for the lock every migrationPause, and gives up after migrationWait.
const (
	migrationPause = time.Second
	migrationWait  = 5 * time.Minute
)

// Lock waits for the lock.
func (l *migrationLock) Lock(ctx context.Context, db *sql.DB) error {
	for end := time.Now().Add(migrationWait); ; {
		held, err := l.try(ctx, db)
		if err != nil || held {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("another ledger has been migrating for %v: see its log", migrationWait)
		}
		if !pause.For(ctx, migrationPause) {
			return ctx.Err()
		}
	}
}

func (l *migrationLock) try(ctx context.Context, db *sql.DB) (held bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	// The transaction idles while the migrations run, whatever the server's default.
	var setting string
	err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1), set_config('idle_in_transaction_session_timeout', '0', true)`,
		lock.DefaultLockID).Scan(&held, &setting)
	if err == nil && held {
		l.tx = tx
		return true, nil
	}
	return false, errors.Join(err, ended(tx.Rollback()))
}

// Unlock releases the lock.
func (l *migrationLock) Unlock(context.Context, *sql.DB) error { return ended(l.tx.Rollback()) }

// ended is the error of a rollback, but that the transaction's context has ended it before.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
