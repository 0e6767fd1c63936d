package adminapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

const theOrder = "/admin/v1/sales/s/orders/" + string(anOrder)

// paymentDocument is the API's document of a payment of rush.
func paymentDocument(id, order, state, reason string) map[string]any {
	d := map[string]any{
		"id": id, "order": order, "amount": json.Number("9900"), "currency": "EUR", "state": state, "at": "2042-05-01T12:01:00Z",
	}
	if reason == "amount" {
		d["amount"] = json.Number("9000")
	}
	if reason != "" {
		d["reason"] = reason
	}
	return d
}

// orderDocument is the API's document of anOrder.
func orderDocument(state string, payments ...any) map[string]any {
	if payments == nil {
		payments = []any{}
	}
	return map[string]any{
		"id": string(anOrder), "sale": "s", "buyer": "alice <a b>", "quantity": json.Number("2"), "state": state,
		"created_at": "2042-05-01T12:00:00Z", "expires_at": "2042-05-01T12:01:30.5Z", "payments": payments,
	}
}

func ofTheOrder() []any {
	return []any{
		paymentDocument("pay/1", string(anOrder), "applied", ""), paymentDocument("pay/2", string(anOrder), "settled", "doubled"),
		paymentDocument("pay/3", string(anOrder), "due", "amount"),
	}
}

func TestAnOrder(t *testing.T) {
	t.Run("is shown with its own payments", func(t *testing.T) {
		s := with(rush("s"))
		a := ask(t, serve(t, s, nil), "GET", theOrder, "")
		if diff := cmp.Diff(orderDocument("paid", ofTheOrder()...), a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
		}
		if len(s.calls) != 0 {
			t.Errorf("got calls %q, want none", s.calls)
		}
	})
	t.Run("without payments has an empty list of them", func(t *testing.T) {
		m := open(concert("s"))
		hold(m, anOrder, "alice <a b>", 2)
		a := ask(t, serve(t, with(m), nil), "GET", theOrder, "")
		if diff := cmp.Diff(orderDocument("held"), a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
		}
	})
	t.Run("that was free has no deadline", func(t *testing.T) {
		d := concert("s")
		d.Price = 0
		m := open(d)
		hold(m, anOrder, "alice <a b>", 2)
		want := orderDocument("paid")
		delete(want, "expires_at")
		a := ask(t, serve(t, with(m), nil), "GET", theOrder, "")
		if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
		}
	})
	t.Run("is asked for in its own sale", func(t *testing.T) {
		var got []string
		s := with(rush("s"), rush("another"))
		s.before = func(call string, _ *model.Sale) error { got = append(got, call); return nil }
		a := ask(t, serve(t, s, nil), "GET", "/admin/v1/sales/another/orders/a%2Fb%20c", "")
		wantProblem(t, a, http.StatusNotFound, "order-unknown")
		if diff := cmp.Diff([]string{"order another a/b c"}, got); diff != "" {
			t.Errorf("asked of Redis (-want +got):\n%s", diff)
		}
	})
	t.Run("is not shown where its payments can't be read", func(t *testing.T) {
		s := with(rush("s")).failing("order", fmt.Errorf("payments: %w", sale.ErrUnavailable))
		wantProblem(t, ask(t, serve(t, s, nil), "GET", theOrder, ""), http.StatusServiceUnavailable, "store-unavailable")
	})
}

func TestRefunding(t *testing.T) {
	t.Run("answers with the order as it is now", func(t *testing.T) {
		s := with(rush("s"))
		server := serve(t, s, nil)
		payments := ofTheOrder()
		payments[0] = paymentDocument("pay/1", string(anOrder), "due", "refunded")
		for range 2 { // again is no error
			a := ask(t, server, "POST", theOrder+"/refund", "")
			if diff := cmp.Diff(orderDocument("refunded", payments...), a.document); a.StatusCode != http.StatusOK || diff != "" {
				t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
			}
		}
		call := "refund s " + string(anOrder)
		if diff := cmp.Diff([]string{call, call}, s.calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
	t.Run("is logged the first time", func(t *testing.T) {
		server, logged := serveLogged(t, with(rush("s")))
		for range 2 {
			ask(t, server, "POST", theOrder+"/refund", "")
		}
		if got := logged.FilterMessage("order refunded").Len(); got != 1 {
			t.Errorf("got %d lines, want one", got)
		}
	})
	t.Run("refuses what it would not heed", func(t *testing.T) {
		s := with(rush("s"))
		server := serve(t, s, nil)
		for _, body := range []string{`{"amount":300}`, `{"quantity":1}`, `300`, `{} {}`, `{"amount`} {
			wantProblem(t, ask(t, server, "POST", theOrder+"/refund", body), http.StatusUnprocessableEntity, "invalid-request")
		}
		if len(s.calls) != 0 {
			t.Errorf("got calls %q, want none", s.calls)
		}
		if a := ask(t, server, "POST", theOrder+"/refund", " {}\n"); a.StatusCode != http.StatusOK {
			t.Errorf("an empty object: got %s, want it refunded", a.Status)
		}
	})
	t.Run("reports the conflict if the order was not paid", func(t *testing.T) {
		a := ask(t, serve(t, with(rush("s")), nil), "POST", "/admin/v1/sales/s/orders/"+string(bobs)+"/refund", "")
		wantProblem(t, a, http.StatusConflict, "conflict")
		if a.document["detail"] != "order is held" {
			t.Errorf("got detail %v, want the state that forbids it", a.document["detail"])
		}
	})
}

// {"amount":300} gave back everything.
func TestAPartialRefundIsOfItsAmount(t *testing.T) {
	s := with(rush("s"))
	server := serve(t, s, nil)
	a := ask(t, server, "POST", theOrder+"/refund", `{"amount":300}`, "Idempotency-Key", "key/1")
	part := paymentDocument("key/1", string(anOrder), "due", "partial")
	part["amount"], part["of"] = json.Number("300"), "pay/1"
	payments := slices.Insert(ofTheOrder(), 1, any(part))
	payments[0].(map[string]any)["refunded"] = json.Number("300")
	if diff := cmp.Diff(orderDocument("paid", payments...), a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
	if want := "refund s " + string(anOrder) + " key/1 300"; len(s.calls) != 1 || s.calls[0] != want {
		t.Errorf("got calls %q, want %q", s.calls, want)
	}
	for name, c := range map[string]struct{ body, key, want string }{
		"no key":             {`{"amount":300}`, "", "Idempotency-Key"},
		"a key with a blank": {`{"amount":300}`, "a b", "Idempotency-Key"},
		"nothing":            {`{"amount":0}`, "k", "amount: want 1 to"},
		"less than nothing":  {`{"amount":-1}`, "k", "amount: want 1 to"},
		"null":               {`{"amount":null}`, "k", "amount: null"},
		"a text":             {`{"amount":"300"}`, "k", "amount: want a whole number"},
		"a fraction":         {`{"amount":300.5}`, "k", "amount: want a whole number"},
		"a member more":      {`{"amount":300,"currency":"EUR"}`, "k", "currency"},
	} {
		headers := []string{"Idempotency-Key", c.key}
		if c.key == "" {
			headers = nil
		}
		a := ask(t, server, "POST", theOrder+"/refund", c.body, headers...)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(fmt.Sprint(a.document["detail"]), c.want) {
			t.Errorf("%s: got %s %v, want 422 with %q", name, a.Status, a.document, c.want)
		}
	}
	if len(s.calls) != 1 {
		t.Errorf("got calls %q, want none of a bad request", s.calls)
	}
}

func TestRefundsAreListed(t *testing.T) {
	due := []any{paymentDocument("pay/3", string(anOrder), "due", "amount"), paymentDocument("pay/4", string(anotherOrder), "due", "late")}
	server := serve(t, with(rush("s")), nil)
	for query, want := range map[string][]any{
		"": due, "?state=": due, "?state=due": due, "?x=settled": due,
		"?state=settled": {paymentDocument("pay/2", string(anOrder), "settled", "doubled")},
		"?state=applied": {paymentDocument("pay/1", string(anOrder), "applied", "")},
	} {
		a := ask(t, server, "GET", "/admin/v1/sales/s/refunds"+query, "")
		if diff := cmp.Diff(map[string]any{"refunds": want}, a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%q: got %s (-want +got):\n%s", query, a.Status, diff)
		}
	}
	for _, state := range []string{"Due", "due%20", "paid", "all", "refunded", "due,settled", "%00"} {
		a := ask(t, server, "GET", "/admin/v1/sales/s/refunds?state="+state, "")
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail := a.document["detail"].(string); !strings.Contains(detail, "due, settled or applied") {
			t.Errorf("%s: got %q, want the states that there are", state, detail)
		}
	}
	t.Run("as an empty list where none is due", func(t *testing.T) {
		a := ask(t, serve(t, with(open(concert("s"))), nil), "GET", "/admin/v1/sales/s/refunds", "")
		if diff := cmp.Diff(map[string]any{"refunds": []any{}}, a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
		}
	})
	t.Run("not of a sale that does not exist", func(t *testing.T) {
		wantProblem(t, ask(t, serve(t, with(rush("s")), nil), "GET", "/admin/v1/sales/none/refunds", ""), http.StatusNotFound, "sale-unknown")
	})
	t.Run("not where they can't be read", func(t *testing.T) {
		s := with(rush("s")).failing("payments", fmt.Errorf("payments: %w", sale.ErrUnavailable))
		wantProblem(t, ask(t, serve(t, s, nil), "GET", "/admin/v1/sales/s/refunds", ""), http.StatusServiceUnavailable, "store-unavailable")
	})
}

func TestSettling(t *testing.T) {
	t.Run("answers with the payment as it is now", func(t *testing.T) {
		s := with(rush("s"))
		a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales/s/refunds/pay%2F3", `{"state":"settled"}`)
		if diff := cmp.Diff(paymentDocument("pay/3", string(anOrder), "settled", "amount"), a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
		}
		if diff := cmp.Diff([]string{"settle s pay/3"}, s.calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
	t.Run("reports the conflict if no refund is due", func(t *testing.T) {
		server, logged := serveLogged(t, with(rush("s")))
		a := ask(t, server, "POST", "/admin/v1/sales/s/refunds/pay%2F1", `{"state":"settled"}`)
		wantProblem(t, a, http.StatusConflict, "conflict")
		if a.document["detail"] != "payment is applied" {
			t.Errorf("got detail %v, want the state that forbids it", a.document["detail"])
		}
		if got := logged.Len(); got != 0 {
			t.Errorf("got %d lines logged, want none: nothing was settled", got)
		}
	})
	t.Run("takes no other state", func(t *testing.T) {
		s := &stock{}
		server := serve(t, s, nil)
		for body, want := range map[string]string{
			``: "the body is empty", `{}`: "want settled", `{"state":""}`: "want settled", `{"state":"due"}`: "want settled",
			`{"state":"Settled"}`: "want settled", `{"state":"applied"}`: "want settled", `{"state":true}`: "state", `[]`: "invalid request",
			`{"state":"settled","amount":1}`: "amount", `{"state":"settled"}{}`: "something follows", `settled`: "invalid request",
		} {
			a := ask(t, server, "POST", "/admin/v1/sales/s/refunds/pay_1", body)
			wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
			if detail := a.document["detail"].(string); !strings.Contains(detail, want) {
				t.Errorf("%q: got %q, want %q in it", body, detail, want)
			}
		}
		if len(s.calls) != 0 {
			t.Errorf("got calls %q, want none", s.calls)
		}
	})
}

// A payment's id is the provider's to choose, and what it may not be is a matter of Redis
// records alone.
func TestPaymentIDsOfOddForm(t *testing.T) {
	m := open(concert("s"))
	s := with(m)
	server := serve(t, s, nil)
	var want []string
	for _, id := range []string{
		"a/b", "//", "a//b", "a/", "..", ".", "../../sales", "a?b", "a#b", "a%b", "%2F", "a+b", "a&b=c", "a:b", `a\b`, `"`, "{s}", "~",
		strings.Repeat("p", sale.MaxPaymentIDLength),
	} {
		pay(m, sale.PaymentID(id), "nobody's", 1)
		a := ask(t, server, "POST", "/admin/v1/sales/s/refunds/"+escaped(id), `{"state":"settled"}`)
		if a.StatusCode != http.StatusOK || a.document["id"] != id {
			t.Errorf("%s: got %s %s, want 200 and this id", id, a.Status, a.text)
		}
		want = append(want, "settle s "+id)
	}
	for _, id := range []string{" ", "a b", "a\n", "\x00", "\x7f", "ſ", "\xff", strings.Repeat("p", sale.MaxPaymentIDLength+1)} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/refunds/"+escaped(id), `{"state":"settled"}`)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
	}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// escaped is a path segment that no server takes for two, nor for "this folder".
func escaped(id string) string {
	return strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
}
