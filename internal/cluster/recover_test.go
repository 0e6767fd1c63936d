package cluster_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/cluster"
	"onsale/internal/ledger"
	"onsale/internal/payment"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// Redis comes back empty in the middle of a sale, and no ledger runs.
func TestRecoverOfASaleThatRedisLost(t *testing.T) {
	t.Parallel()
	s := start(t, cluster.Options{Nodes: 2, Allocators: 1, Ledgers: 1})
	const hold = 8 * time.Second
	s.open(t, 3, hold)
	paid, forgotten := s.buy(t, "ann").order, s.buy(t, "bob").order
	told := s.message(paid, s.Payments)
	if status, text, _ := s.webhook(t, told); status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", status, text)
	}
	before := s.recorded(t)
	quickly(t, s.Ledgers[0], "all is well")
	s.flush(t)
	if got := s.buy(t, "cid"); got.code != "store-unavailable" {
		t.Errorf("got %+v, want store-unavailable", got)
	}

	var steps []string
	report, err := cluster.Recover(s.ctx, s.Stores(), "demo", cluster.RecoverOptions{Wait: 20 * time.Second}, func(step string) { steps = append(steps, step) }, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if want := (ledger.Report{Sale: "demo", Orders: 2, Payments: 1, Total: 3, Held: 1, Paid: 1, Remaining: 1}); report != want {
		t.Errorf("got %+v, want %+v", report, want)
	}
	if len(steps) == 0 || steps[0] != "Redis does not have the sale" {
		t.Errorf("got the steps %q, want the first to say that Redis does not have the sale", steps)
	}
	after := s.audit(t)
	before.Records.Sale.Closed = true
	if diff := cmp.Diff(before.Records, after.Records); diff != "" {
		t.Errorf("restored (-lost +restored):\n%s", diff)
	}

	t.Run("it is closed", func(t *testing.T) {
		eventually(t, 5*time.Second, "buyers hear it", func() bool { return s.buy(t, "cid").code == "closed" })
	})
	t.Run("a provider's old message is no new payment", func(t *testing.T) {
		if status, text, header := s.webhook(t, told); status != http.StatusOK || header.Get("Idempotent-Replayed") != "true" || !strings.Contains(text, `"paid"`) {
			t.Errorf("got %d %s, want 200 paid, replayed", status, text)
		}
	})
	t.Run("nor may it tell of another payment now", func(t *testing.T) {
		other := told
		other.body = strings.Replace(told.body, "pay-", "pax-", 1)
		other.signature = payment.Sign(s.Payments, sale.MessageID(other.id), other.at, []byte(other.body))
		if status, text, _ := s.webhook(t, other); status != http.StatusConflict || !strings.Contains(text, "payment-conflict") {
			t.Errorf("got %d %s, want 409 payment-conflict", status, text)
		}
	})
	if _, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales/demo/reopen", nil); err != nil {
		t.Fatal(err)
	}
	t.Run("it sells what is left, and what expires", func(t *testing.T) {
		var left answer
		eventually(t, 5*time.Second, "the ticket that is left sells", func() bool {
			left = s.buy(t, "cid")
			return left.status == http.StatusCreated
		})
		s.pay(t, left.order)
		eventually(t, hold+5*time.Second, "the forgotten ticket sells", func() bool { return s.buy(t, "dan").status == http.StatusCreated })
		if got := s.buy(t, "eve"); got.code != "sold-out" {
			t.Errorf("got %+v, want sold-out", got)
		}
	})
	t.Run("a ledger that starts again learns of all of it", func(t *testing.T) {
		if err := s.Ledgers[0].Start(); err != nil {
			t.Fatal(err)
		}
		a := s.recorded(t)
		if got := a.Book.Orders[sale.OrderID(forgotten)].State; got != sale.StateExpired || a.Book.Sale.Closed {
			t.Errorf("the ledger has the order %s, closed %v, want expired, false", got, a.Book.Sale.Closed)
		}
	})
}

// flush has Redis lose everything.
func (s *site) flush(t *testing.T) {
	t.Helper()
	client, err := remotestock.Dial(remotestock.DefaultConfig(s.Redis.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.FlushAll(s.ctx).Err(); err != nil {
		t.Fatal(err)
	}
}
