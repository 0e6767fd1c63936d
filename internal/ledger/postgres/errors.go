package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/ledger"
)

// away are the SQLSTATEs, or their classes, of a server that will be back.
var away = []string{
	"08",    // connection exceptions
	"57P01", // admin shutdown
	"57P02", // crash shutdown
	"57P03", // cannot connect now: starting up, or recovering
	"57P05", // idle session timeout
	"57014", // query cancelled: by our own time limit, or an operator
	"53300", // too many connections
	"25006", // read-only: a standby before its promotion
}

// classify wraps a failure into [ledger.ErrAway] and [ledger.ErrRefused]. A context that its
// owner cancelled proves nothing about PostgreSQL and passes as it is.
func classify(err error) error {
	var reported *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, ledger.ErrAway), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &reported):
		return answered(reported, err)
	case errors.As(err, &connect), errors.As(err, &network), // a deadline that has passed is one of these
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ledger.ErrAway, err)
	}
	return err
}

// answered sorts an error that PostgreSQL itself reported.
func answered(reported *pgconn.PgError, err error) error {
	for _, code := range away {
		if strings.HasPrefix(reported.Code, code) {
			return fmt.Errorf("%w: %w", ledger.ErrAway, err)
		}
	}
	if strings.HasPrefix(reported.Code, "23") { // integrity constraint violation
		where := reported.TableName
		if what := reported.ConstraintName + reported.ColumnName; what != "" {
			where += "." + what
		}
		return fmt.Errorf("%w: %s: %s: %w", ledger.ErrRefused, where, reported.Detail, err)
	}
	if do, ok := advice[reported.Code]; ok {
		return advisedError{do, err}
	}
	return err
}

// advice is what an operator does about an error that no wait mends, by SQLSTATE.
var advice = map[string]string{
	undefinedTable:  "the database has not all of the ledger's tables: start a ledger on it, which makes them, or mend the database's URL",
	undefinedColumn: "the ledger's tables are those of another version: run ledgers and onsale of one version",
	"28P01":         "PostgreSQL refuses the user or the password: mend the database's URL",
	"28000":         "PostgreSQL does not let this user in: mend the database's URL, or pg_hba.conf",
	"3D000":         "there is no such database: create it, or mend the database's URL",
	"42501":         "the user may not do that: have it own the database and its tables",
	"53100":         "PostgreSQL's disk is full: make room",
}

// advisedError names what to do about an error of PostgreSQL's, whose own text names things that
// only readers of the source know.
type advisedError struct {
	do  string
	err error
}

func (e advisedError) Error() string { return e.do }
func (e advisedError) Unwrap() error { return e.err }
