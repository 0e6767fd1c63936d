package adminapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// orphan is a payment for a sale that nobody knows.
func orphan(id sale.PaymentID, state sale.PaymentState) sale.Orphan {
	p := rush("s").Payments(sale.PaymentDue)[1] // of another order
	p.ID, p.Order, p.State, p.Reason = id, anOrder, state, sale.ReasonOrphan
	return sale.Orphan{Sale: "gone", Payment: p}
}

func orphanDocument(id, state string) map[string]any {
	d := paymentDocument(id, string(anOrder), state, "orphan")
	d["sale"] = "gone"
	return d
}

func TestPaymentsForSalesThatNobodyKnowsAreListed(t *testing.T) {
	s := &stock{orphans: []sale.Orphan{orphan("pay/1", sale.PaymentDue), orphan("pay/2", sale.PaymentSettled), orphan("pay/3", sale.PaymentDue)}}
	server := serve(t, s, nil)
	for query, want := range map[string][]any{
		"":               {orphanDocument("pay/1", "due"), orphanDocument("pay/3", "due")},
		"?state=due":     {orphanDocument("pay/1", "due"), orphanDocument("pay/3", "due")},
		"?state=settled": {orphanDocument("pay/2", "settled")},
		"?state=applied": {},
	} {
		a := ask(t, server, "GET", "/admin/v1/orphans"+query, "")
		if diff := cmp.Diff(map[string]any{"orphans": want}, a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%q: got %s (-want +got):\n%s", query, a.Status, diff)
		}
	}
	wantProblem(t, ask(t, server, "GET", "/admin/v1/orphans?state=lost", ""), http.StatusUnprocessableEntity, "invalid-request")
	s.failing("orphans", sale.ErrUnavailable)
	wantProblem(t, ask(t, server, "GET", "/admin/v1/orphans", ""), http.StatusServiceUnavailable, "store-unavailable")
}

func TestAPaymentForASaleThatNobodyKnowsIsSettled(t *testing.T) {
	s := &stock{orphans: []sale.Orphan{orphan("pay/1", sale.PaymentDue)}}
	server, logged := serveLogged(t, s)
	a := ask(t, server, "POST", "/admin/v1/orphans/pay%2F1", `{"state":"settled"}`)
	if diff := cmp.Diff(orphanDocument("pay/1", "settled"), a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
	if diff := cmp.Diff([]string{"settle orphan pay/1"}, s.calls); diff != "" {
		t.Errorf("asked of Redis (-want +got):\n%s", diff)
	}
	if n := logged.FilterMessage("orphan settled").Len(); n != 1 {
		t.Errorf("got %d lines logged of it, want 1", n)
	}
	for _, body := range []string{"", "{}", `{"state":"due"}`, `{"state":"settled","by":"me"}`, "x"} {
		wantProblem(t, ask(t, server, "POST", "/admin/v1/orphans/pay_1", body), http.StatusUnprocessableEntity, "invalid-request")
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/orphans/pay%20_1", `{"state":"settled"}`), http.StatusUnprocessableEntity, "invalid-request")
	if len(s.calls) != 1 {
		t.Errorf("got calls %q, want one", s.calls)
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/orphans/pay_1", `{"state":"settled"}`), http.StatusNotFound, "payment-unknown")
}

// A payment for an order that no record has is due like any other.
func TestAPaymentForAnUnknownOrderIsListedAsARefund(t *testing.T) {
	m := open(concert("s"))
	m.Now = noon.Add(time.Minute)
	pay(m, "pay/1", anOrder, 9900)
	a := ask(t, serve(t, with(m), nil), "GET", "/admin/v1/sales/s/refunds", "")
	want := map[string]any{"refunds": []any{paymentDocument("pay/1", string(anOrder), "due", "orphan")}}
	if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}
