package buyerapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// elsewhere pays for an order of a sale that nobody knows.
var elsewhere = strings.Replace(paying, `"sale":"s"`, `"sale":"t"`, 1)

// orphanReceipt is the document of a payment without an order.
func orphanReceipt(at string) map[string]any {
	return map[string]any{"outcome": "refund-due", "reason": "orphan", "payment": "pay_1", "received_at": at}
}

// watched has the site count orphans, and keep what it logs.
func watched(s *site) (orphans *atomic.Int64, logged *observer.ObservedLogs) {
	core, logged := observer.New(zap.InfoLevel)
	orphans = new(atomic.Int64)
	s.log, s.hooks.Orphan = zap.New(core), func() { orphans.Add(1) }
	return orphans, logged
}

// wantNoticed checks how often an orphan was counted and logged, with sale and order.
func wantNoticed(t *testing.T, id sale.ID, orphans *atomic.Int64, logged *observer.ObservedLogs, want int) {
	t.Helper()
	lines := logged.FilterMessage("a refund is due").FilterField(zap.String("reason", "orphan")).
		FilterField(zap.String("sale", string(id))).FilterField(zap.String("order", string(anOrder))).FilterField(zap.String("payment", "pay_1")).Len()
	if n := orphans.Load(); n != int64(want) || lines != want {
		t.Errorf("got %d orphans counted and %d logged, want %d of each", n, lines, want)
	}
}

// A signed payment for an order that nobody knew was answered with 404, and left no trace.
func TestAPaymentForAnUnknownOrderIsRecorded(t *testing.T) {
	t.Parallel()
	var taken atomic.Int64
	s := paidBy(func(_ sale.ID, _ sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
		p.State, p.Reason, p.At = sale.PaymentDue, sale.ReasonOrphan, noon
		return sale.Receipt{Payment: p, Replayed: taken.Add(1) > 1}, reading(1000), nil
	})
	orphans, logged := watched(s)
	a := s.serve(t)
	for i, replayed := range []string{"", "true"} {
		got := a.post(t, signed(ours, paying))
		if diff := cmp.Diff(orphanReceipt("2042-05-01T12:00:00Z"), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("message %d: got %s, receipt (-want +got):\n%s", i, got.Status, diff)
		}
		wantHeader(t, got, "Idempotent-Replayed", replayed)
		wantPrivate(t, got, buyerapi.RefundDue)
		wantNoticed(t, "s", orphans, logged, 1)
	}
}

func TestAPaymentForAnUnknownSaleIsRecorded(t *testing.T) {
	t.Parallel()
	kept := make(chan sale.Orphan, 2)
	s := paidBy(nil)
	s.orders.orphan = func(id sale.ID, p sale.Payment) (sale.Receipt, error) {
		kept <- sale.Orphan{Sale: id, Payment: p}
		p.State, p.Reason = sale.PaymentDue, sale.ReasonOrphan
		return sale.Receipt{Payment: p, Replayed: len(kept) > 1}, nil
	}
	orphans, logged := watched(s)
	a := s.serve(t)
	for i, replayed := range []string{"", "true"} {
		got := a.post(t, signed(ours, elsewhere))
		d := got.document(t)
		at, _ := d["received_at"].(string)
		if diff := cmp.Diff(orphanReceipt(at), d); got.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("message %d: got %s, receipt (-want +got):\n%s", i, got.Status, diff)
		}
		if !strings.HasPrefix(at, "2042-05-01T12:0") {
			t.Errorf("got received at %q, want Redis time", at)
		}
		wantHeader(t, got, "Idempotent-Replayed", replayed)
		wantPrivate(t, got, buyerapi.RefundDue)
		wantNoticed(t, "t", orphans, logged, 1)
	}
	got := <-kept
	if got.At < noon {
		t.Errorf("got the time %d, want Redis time", got.At)
	}
	got.At = 0
	if want := (sale.Orphan{Sale: "t", Payment: sale.Payment{ID: "pay_1", Message: "msg_1", Order: anOrder, Amount: 9900, Currency: "EUR"}}); got != want {
		t.Errorf("got %+v recorded, want %+v", got, want)
	}
}

func TestAPaymentForAnUnknownSaleFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want buyerapi.Answer
	}{
		"where it came before with another content": {sale.Conflict("came before"), buyerapi.PaymentConflict},
		"while the store is unavailable":            {fmt.Errorf("orphan: %w", sale.ErrUnavailable), buyerapi.StoreUnavailable},
		"unknown when its answer is lost":           {fmt.Errorf("orphan: %w", sale.ErrUnknown), buyerapi.PaymentUnknown},
		"unknown whatever else is wrong":            {errors.New("a bug"), buyerapi.PaymentUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := paidBy(nil)
			s.orders.orphan = func(sale.ID, sale.Payment) (sale.Receipt, error) { return sale.Receipt{}, c.err }
			orphans, logged := watched(s)
			wantProblem(t, s.serve(t).post(t, signed(ours, elsewhere)), c.want)
			wantNoticed(t, "t", orphans, logged, 0)
		})
	}
	t.Run("if the node has lost its connection to Redis", func(t *testing.T) {
		t.Parallel()
		s := paidBy(nil)
		s.handler = buyerapi.New(stale{}, nil, nil, s.secrets, nil, buyerapi.Hooks{}, zap.NewNop())
		if status, code := s.deliver(signed(ours, elsewhere)); status != http.StatusServiceUnavailable || code != "store-unavailable" {
			t.Errorf("got %d %s, want 503 store-unavailable", status, code)
		}
		s.wantUnasked(t)
	})
	t.Run("where nobody has signed it", func(t *testing.T) {
		t.Parallel()
		s := paidBy(nil)
		wantProblem(t, s.serve(t).post(t, signed(foreign, elsewhere)), buyerapi.WebhookSignature)
		s.wantUnasked(t)
	})
}

// stale are the sales of a node that was paused: it has had the time from Redis once, and
// must read again before it denies a sale.
type stale struct{}

func (stale) Seller(sale.ID) (buyerapi.Seller, bool) { return nil, false }
func (stale) Ready() bool                            { return false }
func (stale) Unread(sale.ID) bool                    { return false }
func (stale) Now() (sale.Instant, bool)              { return noon, true }
func (stale) Orphan(sale.ID, sale.Payment) (sale.Receipt, error) {
	return sale.Receipt{}, sale.ErrUnknown
}

// A node that started while a sale could not be read answered that there is no such sale.
func TestASaleThatCannotBeReadIsUnavailable(t *testing.T) {
	t.Parallel()
	s := paidBy(nil)
	s.store.sales = func() ([]sale.ID, error) { return []sale.ID{"s", "t"}, nil }
	s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
		if id != "s" {
			return sale.Sale{}, sale.Reading{}, sale.Lost("read", errors.New("a test"))
		}
		d, r := s.redis.look(id)
		return d, r, nil
	}
	s.orders.orphan = func(sale.ID, sale.Payment) (sale.Receipt, error) {
		t.Error("a payment for it became an orphan")
		return sale.Receipt{}, nil
	}
	a := s.serve(t)
	wantProblem(t, a.post(t, signed(ours, elsewhere)), buyerapi.StoreUnavailable)
	for path, want := range map[string]buyerapi.Answer{
		"/v1/sales/t": buyerapi.StoreUnavailable, "/v1/sales/t/orders/mine": buyerapi.StoreUnavailable,
		"/v1/sales/none/orders/mine": buyerapi.SaleUnknown,
	} {
		wantProblem(t, a.ask(t, "GET", path, ""), want)
	}
}
