package testbed_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// freeOrders: nobody pays for what costs nothing, so each order of such a sale expired.
func freeOrders(t *testing.T, s *lossy) {
	d := definition("free", 4)
	d.Price, d.HoldSeconds = 0, 1
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
	orders := s.sell(t, "free", "early", 2)
	if a, want := s.wantAll(t, "free", orders), (sale.Counters{Total: 4, Remaining: 2, Paid: 2}); a.Counters != want || a.Book.Counters() != want {
		t.Errorf("got %+v in Redis and %+v in the ledger, want %+v", a.Counters, a.Book.Counters(), want)
	}
	if err := s.Ledgers[0].Pause(); err != nil {
		t.Fatal(err)
	}
	more := s.sell(t, "free", "ann", 2)
	if err := s.redis.Del(s.ctx, remotestock.Keys("free")...).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledgers[0].Resume(); err != nil {
		t.Fatal(err)
	}
	s.reconciled(t, "free")
	await.Within(t, 10*time.Second, "the sale answers again", func() bool { return s.buyOf(t, "free", "bob").code == "sold-out" })
	a := s.wantAll(t, "free", orders, more)
	if want := (sale.Counters{Total: 4, Paid: 4}); a.Counters != want || a.Book.Counters() != want || len(a.Payments) != 0 {
		t.Errorf("got %+v in Redis, %+v in the ledger and %d payments, want %+v and none", a.Counters, a.Book.Counters(), len(a.Payments), want)
	}

	mine := "/v1/sales/free/orders/" + orders["early0"]
	if got := s.ask(t, http.MethodDelete, mine, "early0", ""); got.code != "not-cancellable" {
		t.Errorf("cancel: got %+v, want what a paid order gets", got)
	}
	s.payFor(t, "free", orders["early1"], 4200)
	refund := "/admin/v1/sales/free/orders/" + orders["early0"] + "/refund"
	body, err := s.AdminCall(s.ctx, http.MethodPost, refund, nil)
	if err != nil || !strings.Contains(string(body), `"payments": []`) || strings.Contains(string(body), "expires_at") {
		t.Errorf("refund: got %s, %v, want no payment and no deadline", body, err)
	}
	s.sellsAgain(t, "free", "bob")
	list, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/free/refunds", nil)
	if err != nil || strings.Count(string(list), `"order"`) != 1 || !strings.Contains(string(list), orders["early1"]) || !strings.Contains(string(list), `"amount"`) {
		t.Errorf("refunds: got %s, %v, want the money that was sent for early1 alone", list, err)
	}
	delete(orders, "early0")
	s.wantAll(t, "free", orders, more)
}
