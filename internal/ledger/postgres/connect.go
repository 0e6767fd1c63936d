package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// There may be a PgBouncer between a ledger and PostgreSQL that gives each transaction another
// connection of the server's. So nothing is left on a connection: no statement is prepared under
// a name, settings are those of a transaction, and so is the lock of a migration.

// parse reads a database's URL. It refuses the settings with which a ledger would fail at every
// batch, or behind a PgBouncer.
func parse(text string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(text)
	given, err2 := pgconn.ParseConfig(text)
	if err != nil || err2 != nil {
		return nil, unreadable(text)
	}
	var faults []error
	if mode := given.RuntimeParams[execMode]; mode != "" && mode != "cache_describe" {
		faults = append(faults, fmt.Errorf("the database's URL has %s=%s, with which a ledger doesn't work, or not behind PgBouncer: leave it out", execMode, mode))
	}
	if config.ConnConfig.DescriptionCacheCapacity <= 0 {
		faults = append(faults, errors.New("the database's URL has description_cache_capacity=0, with which a ledger doesn't work: leave it out"))
	}
	// The driver's default prepares statements under names, which belong to a connection. Its others
	// know too little of a statement to send arrays, or find out in a transaction of its own.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	return config, errors.Join(faults...)
}

// unreadable is the error of a URL that the driver does not take. The driver's own may show the
// password of a URL that it can't take apart.
func unreadable(text string) error {
	if u, err := url.Parse(text); err == nil {
		for name := range u.Query() {
			without := *u
			settings := u.Query()
			settings.Del(name)
			without.RawQuery = settings.Encode()
			if _, err := pgxpool.ParseConfig(without.String()); err == nil {
				return fmt.Errorf("the database's URL has a value of %s that is none: mend it, or leave it out", name)
			}
		}
	}
	return errors.New("the database's URL can't be read: want postgres://user:password@host:port/database, with %40 and the like for special characters in the password")
}

// execMode is the driver's setting of how statements are sent.
const execMode = "default_query_exec_mode"

// beginSQL begins a transaction that writes, and sets it up.
//
// PostgreSQL waits five seconds for the rest of it. A ledger sends all of it at once, so only one
// that was paused, or cut off, keeps the rows that the sale's next reader waits for. Raised: that
// one waits longer. Lowered: a slow network ends transactions.
//
// synchronous_commit is turned on where the server's default is off: what is committed is deleted
// from Redis, so a commit that a crash of PostgreSQL undoes would lose orders. Any other setting
// is the operator's choice about replicas.
const beginSQL = `BEGIN;
SELECT set_config('idle_in_transaction_session_timeout', '5s', true),
	CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`

// write runs a transaction that writes: all that do calls, or nothing.
func (s *Store) write(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: beginSQL}, do)
}

// writeOne is write with one statement.
func (s *Store) writeOne(ctx context.Context, statement string, args ...any) error {
	return s.write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
}
