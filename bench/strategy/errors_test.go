package strategy

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// Only proof that nothing was written makes a failed write anything but unknown.
func TestFailedWritesAreUnknownUnlessProven(t *testing.T) {
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, refused := pgx.Connect(t.Context(), "postgres://onsale@"+process.Loopback(port)+"/onsale?sslmode=disable")
	conn, err := pgx.Connect(t.Context(), postgresServer.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, unsent := conn.Exec(ended, "SELECT 1")

	for _, c := range []struct {
		what  string
		wrap  func(string, error) error
		cause error
		want  error
	}{
		{"PostgreSQL can't be reached", wrote, refused, sale.ErrUnavailable},
		{"a statement that was never sent", wrote, unsent, sale.ErrUnavailable},
		{"a statement that failed", wrote, &pgconn.PgError{Code: "23505"}, sale.ErrUnavailable},
		{"PostgreSQL shuts down", wrote, &pgconn.PgError{Code: "57P01"}, sale.ErrUnknown},
		{"a connection to PostgreSQL breaks", wrote, io.ErrUnexpectedEOF, sale.ErrUnknown},
		{"PostgreSQL is too slow", wrote, context.DeadlineExceeded, sale.ErrUnknown},

		{"Redis can't be reached", sent, &net.OpError{Op: "dial", Err: io.EOF}, sale.ErrUnavailable},
		{"no connection to Redis came free", sent, redis.ErrPoolTimeout, sale.ErrUnavailable},
		{"the client was closed", sent, redis.ErrClosed, sale.ErrUnavailable},
		{"a connection to Redis breaks", sent, &net.OpError{Op: "read", Err: io.EOF}, sale.ErrUnknown},
		{"Redis is too slow", sent, context.DeadlineExceeded, sale.ErrUnknown},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := c.wrap("write", c.cause)
			other := map[bool]error{true: sale.ErrUnknown, false: sale.ErrUnavailable}[c.want == sale.ErrUnavailable]
			if c.cause == nil || !errors.Is(got, c.want) || errors.Is(got, other) || !errors.Is(got, c.cause) {
				t.Errorf("got %v, want %v because of %v", got, c.want, c.cause)
			}
		})
	}
}
