package ledgertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"onsale/internal/testbed/process"
)

// Server is one real PostgreSQL for all tests of a package that leave it alive; each test
// writes under its own sale id.
var Server *process.Postgres

// Main runs a package's tests with a Server whose database is migrated. It returns the exit code.
func Main(m *testing.M, migrate func(ctx context.Context, url string) error) int {
	code, err := run(m, migrate)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func run(m *testing.M, migrate func(ctx context.Context, url string) error) (int, error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "onsale-ledger-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if Server, err = process.StartPostgres(ctx, dir); err != nil {
		return 0, err
	}
	defer Server.Kill()
	if err := migrate(ctx, Server.URL()); err != nil {
		return 0, err
	}
	if err := execute(ctx, "CREATE DATABASE "+Template); err != nil {
		return 0, err
	}
	u, err := url.Parse(Server.URL())
	if err != nil {
		return 0, err
	}
	u.Path = "/" + Template
	if err := migrate(ctx, u.String()); err != nil {
		return 0, err
	}
	return m.Run(), Server.Kill()
}

// execute runs one statement on the Server.
func execute(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, Server.URL())
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// Template is a database that is migrated and empty.
const Template = "migrated"

// Database makes an empty database on the Server and returns its URL.
func Database(t testing.TB) string {
	t.Helper()
	return DatabaseLike(t, "template1")
}

// DatabaseLike makes a copy of a database.
func DatabaseLike(t testing.TB, template string) string {
	t.Helper()
	name := strings.ReplaceAll(string(NewID()), "-", "_")
	if err := execute(context.Background(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	return With(t, func(u *url.URL) { u.Path = "/" + name })
}

// With is the Server's URL, changed.
func With(t testing.TB, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(Server.URL())
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}
