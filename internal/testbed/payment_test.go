package testbed_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/buyerapi"
	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// message is what a payment provider sends.
type message struct {
	id, body, signature string
	at                  time.Time
}

// message reports that the order, one ticket of the tests' sale, was paid. It is signed with the secret.
func (s *site) message(order string, secret payment.Secret) message {
	return s.messageOf("demo", order, 4200, secret)
}

func (s *site) messageOf(id, order string, amount int64, secret payment.Secret) message {
	m := message{id: "msg-" + order, at: time.Now()}
	m.body = fmt.Sprintf(`{"type":"payment.succeeded","timestamp":%q,"data":{"payment":"pay-%s","sale":"%s","order":"%s","amount":%d,"currency":"EUR"}}`,
		m.at.UTC().Format(time.RFC3339), order, id, order, amount)
	m.signature = payment.Sign(secret, sale.MessageID(m.id), m.at, []byte(m.body))
	return m
}

// webhook sends the message through Nginx, as a provider does.
func (s *site) webhook(t *testing.T, m message) (status int, text string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.Front()+buyerapi.WebhookPath, strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(payment.HeaderID, m.id)
	r.Header.Set(payment.HeaderTimestamp, strconv.FormatInt(m.at.Unix(), 10))
	r.Header.Set(payment.HeaderSignature, m.signature)
	answer, raw, err := answered(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(raw), answer.Header
}

// pay has the order paid.
func (s *site) pay(t *testing.T, order string) {
	t.Helper()
	if status, text, _ := s.webhook(t, s.message(order, s.Payments)); status != http.StatusOK || !strings.Contains(text, `"outcome":"paid"`) {
		t.Fatalf("got %d %s, want 200 paid", status, text)
	}
}

func TestWebhookThroughNginx(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 10, time.Minute)
	order := s.buy(t, "ann").order
	good := s.message(order, s.Payments)

	for name, test := range map[string]struct {
		change func(*message)
		status int
		code   string
	}{
		"of a forger":                   {func(m *message) { *m = s.message(order, payment.NewSecret()) }, http.StatusUnauthorized, "webhook-signature"},
		"for another order than signed": {func(m *message) { m.body = strings.Replace(m.body, "pay-", "pax-", 1) }, http.StatusUnauthorized, "webhook-signature"},
		"under another id than signed":  {func(m *message) { m.id += "-2" }, http.StatusUnauthorized, "webhook-signature"},
		"with half a signature":         {func(m *message) { m.signature = m.signature[:20] }, http.StatusBadRequest, "webhook-malformed"},
		"without a signature":           {func(m *message) { m.signature = "" }, http.StatusBadRequest, "webhook-malformed"},
		"that was signed six minutes ago": {func(m *message) {
			m.at = m.at.Add(-6 * time.Minute)
			m.signature = payment.Sign(s.Payments, sale.MessageID(m.id), m.at, []byte(m.body))
		}, http.StatusUnauthorized, "webhook-expired"},
	} {
		t.Run("a message "+name+" changes nothing", func(t *testing.T) {
			m := good
			test.change(&m)
			if status, text, _ := s.webhook(t, m); status != test.status || !strings.Contains(text, `"`+test.code+`"`) {
				t.Errorf("got %d %s, want %d %s", status, text, test.status, test.code)
			}
			if a := s.audit(t); a.Orders[sale.OrderID(order)].State != sale.StateHeld || len(a.Payments) > 0 || len(a.Stream) > 2 {
				t.Errorf("got order %+v, payments %v and %d events, want it held, none and 2", a.Orders[sale.OrderID(order)], a.Payments, len(a.Stream))
			}
		})
	}
	t.Run("a real one pays", func(t *testing.T) {
		s.pay(t, order)
		if got := s.audit(t); got.Orders[sale.OrderID(order)].State != sale.StatePaid || len(got.Payments) != 1 {
			t.Errorf("got order %+v and payments %v, want it paid by one", got.Orders[sale.OrderID(order)], got.Payments)
		}
	})
	t.Run("and the same one again is answered as a replay, whichever node it reaches", func(t *testing.T) {
		for range 4 {
			if status, text, header := s.webhook(t, good); status != http.StatusOK || header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("got %d %s, replayed %q, want 200, replayed true", status, text, header.Get("Idempotent-Replayed"))
			}
		}
		if got := s.audit(t); len(got.Payments) != 1 {
			t.Errorf("got payments %v, want one", got.Payments)
		}
	})
}

// P4 and P5, by the operator's hand: what Nginx keeps in its cache expires in time.
func TestRefundReopensASoldOutSaleThroughNginx(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 1})
	s.open(t, 1, time.Minute)
	order := s.buy(t, "early").order
	s.pay(t, order)
	part, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales/demo/orders/"+order+"/refund", []byte(`{"amount":300}`), "Idempotency-Key", "part")
	if err != nil || !strings.Contains(string(part), `"state": "paid"`) {
		t.Fatalf("a part of the money: got %s, %v, want the order still paid", part, err)
	}
	// Long enough for nodes and Nginx to have renewed what they know.
	for begin := time.Now(); time.Since(begin) < 2500*time.Millisecond; {
		if got := s.buy(t, "late"); got.code != "sold-out" {
			t.Fatalf("got %+v, want sold-out", got)
		}
	}
	if _, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales/demo/orders/"+order+"/refund", nil); err != nil {
		t.Fatal(err)
	}
	took := await.Within(t, 3*time.Second, "the refunded ticket sells", func() bool { return s.buy(t, "late").status == http.StatusCreated })
	t.Logf("sold again %v after the refund", took)

	t.Run("once", func(t *testing.T) {
		if got := s.buy(t, "later"); got.code != "sold-out" {
			t.Errorf("got %+v, want sold-out", got)
		}
	})
	t.Run("and the money is due", func(t *testing.T) {
		body, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/demo/refunds", nil)
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Refunds []adminapi.Payment }
		if err := json.Unmarshal(body, &list); err != nil || len(list.Refunds) != 2 {
			t.Fatalf("got %s, %v, want two refunds of order %s", body, err, order)
		}
		for _, p := range list.Refunds {
			whole := p.Reason == "refunded" && p.Amount == 4200 && p.Refunded == 300
			if p.Order != order || !whole && (p.ID != "part" || p.Amount != 300 || p.Of == "") {
				t.Errorf("got %+v, want what is left of the payment, and its part", p)
			}
		}
	})
	book := s.recorded(t).Book
	if got := book.Orders[sale.OrderID(order)].State; got != sale.StateRefunded || book.Due() != 2 || book.Sold() != 1 || book.Payments["part"].Of == "" {
		t.Errorf("the ledger has the order %s, %d refunds due and %d sold, want refunded, 2 and 1", got, book.Due(), book.Sold())
	}
}

// P5 without an operator. With every allocator dead, see TestReturnedTicketSellsWithEveryAllocatorDead.
func TestExpiredTicketsSellToOthersByThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 1})
	const hold = 3 * time.Second
	s.open(t, 4, hold)
	forgotten := map[string]bool{}
	for i := range 4 {
		got := s.buy(t, fmt.Sprint("early-", i))
		if got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", got)
		}
		forgotten[got.order] = true
	}
	begin := time.Now()
	if got := s.buy(t, "late-0"); got.code != "sold-out" {
		t.Fatalf("got %+v, want sold-out", got)
	}
	for i := range 4 {
		var bought answer
		await.Within(t, time.Until(begin.Add(hold+5*time.Second)), "a returned ticket sells", func() bool {
			bought = s.buy(t, fmt.Sprint("late-", i))
			return bought.status == http.StatusCreated
		})
		if forgotten[bought.order] {
			t.Errorf("late-%d got order %s, which is another's", i, bought.order)
		}
		s.pay(t, bought.order)
	}
	t.Logf("all was sold again %v after the holds", time.Since(begin))
	a := s.recorded(t)
	for where, c := range map[string]sale.Counters{"Redis": a.Counters, "the ledger": a.Book.Counters()} {
		if want := (sale.Counters{Total: 4, Paid: 4}); c != want {
			t.Errorf("%s: got %+v, want %+v", where, c, want)
		}
	}
	for id := range forgotten {
		if got := a.Book.Orders[sale.OrderID(id)].State; got != sale.StateExpired {
			t.Errorf("the ledger has order %s %s, want expired", id, got)
		}
	}
}
