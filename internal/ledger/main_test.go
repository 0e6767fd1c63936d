package ledger

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// server is one real PostgreSQL for all tests of the package that leave it alive; each test
// writes under its own sale id.
var server *process.Postgres

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "onsale-ledger-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if server, err = process.StartPostgres(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Kill()
	if err := Migrate(context.Background(), server.URL()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := makeTemplate(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Kill(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// template is a database that is migrated and empty.
const template = "migrated"

func makeTemplate(ctx context.Context) error {
	s, err := Open(ctx, server.URL())
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.pool.Exec(ctx, "CREATE DATABASE "+template); err != nil {
		return err
	}
	u, err := url.Parse(server.URL())
	if err != nil {
		return err
	}
	u.Path = "/" + template
	return Migrate(ctx, u.String())
}

// ownStore is a store of a database of its own: a ledger reads every sale that it finds there.
func ownStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, databaseLike(t, template))
}

// serial makes ids that no other test has.
var serial atomic.Int64

func newID() sale.ID { return sale.ID(fmt.Sprintf("sale-%d", serial.Add(1))) }

func newOrderID() sale.OrderID {
	return sale.OrderID(fmt.Sprintf("01900000-0000-7000-8000-%012x", serial.Add(1)))
}

func newSale(id sale.ID, total int64) sale.Sale {
	return sale.Sale{
		ID: id, Title: "Concert", Subtitle: "An evening", Lapses: 3, Kind: sale.Ticket, Price: 4200, Currency: "EUR",
		Total: total, Limit: 4, HoldFor: 10 * time.Minute, Rules: "No refunds.",
		Opens: 1_700_000_000_123, Closes: 1_800_000_000_456,
	}
}

// start is the Redis time at which the tests' sales begin.
const start sale.Instant = 1_700_000_000_001

func newOrder(buyer string, at sale.Instant) sale.Order {
	return sale.Order{
		ID: newOrderID(), Buyer: sale.Buyer(buyer), Quantity: 2, State: sale.StateHeld,
		Created: at, Expires: at.Add(10 * time.Minute),
	}
}

func in(o sale.Order, s sale.State) sale.Order { o.State = s; return o }

func newPayment(o sale.Order, id string, at sale.Instant) sale.Payment {
	return sale.Payment{
		ID: sale.PaymentID(id), Message: sale.MessageID("msg-" + id), Order: o.ID, Amount: 8400, Currency: "EUR",
		State: sale.PaymentApplied, At: at,
	}
}

// opened is the entry with which a sale's stream begins.
func opened(d sale.Sale) sale.Event { return sale.Event{ID: "1-0", At: start, Opened: &d} }

// entry is the n-th one after it, n milliseconds later.
func entry(n int, orders ...sale.Order) sale.Event {
	return sale.Event{ID: fmt.Sprintf("%d-0", n+1), At: start + sale.Instant(n), Orders: orders}
}

func openStore(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// sold is a store with a sale of a hundred tickets in it.
func sold(t testing.TB) (*Store, sale.ID) {
	t.Helper()
	s, id := openStore(t, server.URL()), newID()
	commit(t, s, id, opened(newSale(id, 100)))
	return s, id
}

func commit(t testing.TB, s *Store, id sale.ID, events ...sale.Event) {
	t.Helper()
	if err := s.Commit(context.Background(), id, 1, Fold(events)); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func book(t tester, s *Store, id sale.ID) sale.Book {
	t.Helper()
	b, err := s.Book(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// applied is what the events come to, one by one and in the most naive way.
func applied(events ...sale.Event) sale.Records {
	r := sale.NewRecords()
	for _, e := range events {
		r.Apply(e)
	}
	return r
}

func wantRecords(t tester, s *Store, id sale.ID, want sale.Records) {
	t.Helper()
	if diff := cmp.Diff(want, book(t, s, id).Records); diff != "" {
		t.Errorf("book (-want +got):\n%s", diff)
	}
}

// until waits until the condition holds.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ticker, limit := time.NewTicker(2*time.Millisecond), time.After(30*time.Second)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("after 30 s: got no %s", what)
		}
	}
}

// tester is a test, or one run of a property.
type tester interface {
	rapid.TB
	Context() context.Context
}
