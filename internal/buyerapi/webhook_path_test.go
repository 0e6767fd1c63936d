package buyerapi_test

import (
	"net/http"
	"strings"
	"testing"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

func TestWithoutSecretsThereIsNoWebhook(t *testing.T) {
	t.Parallel()
	s := keeping(sale.StateHeld)
	a := s.serve(t)
	for _, method := range []string{"POST", "GET", "PUT"} {
		m := signed(ours, paying)
		wantProblem(t, a.ask(t, method, buyerapi.WebhookPath, m.body, m.header()...), buyerapi.NotFound)
	}
	s.wantUnasked(t)
}

func TestTheWebhookOnlyTakesPosts(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "BREW"} {
		m := signed(ours, paying)
		got := a.ask(t, method, buyerapi.WebhookPath, m.body, m.header()...)
		wantHeader(t, got, "Allow", "POST")
		if method != "HEAD" {
			wantProblem(t, got, buyerapi.MethodNotAllowed)
		} else if got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("got %s to HEAD, want 405", got.Status)
		}
	}
	s.wantUnasked(t)
}

func TestTheWebhookHasOneSpelling(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	m := signed(ours, paying)
	for _, target := range []string{
		"/v1/payments", "/v1/payments/", "/v1/payments/webhook/", "/v1/payments/webhook/x", "/v1/payments//webhook", "//v1/payments/webhook",
		"/v1/payments/Webhook", "/V1/payments/webhook", "/v1/payments%2fwebhook", "/v1/payments/%77ebhook", "/v1/./payments/webhook",
		"/v1/sales/../payments/webhook", "/v1/payments/webhook;x=1", "/v1/payments/webhook%00", "/v2/payments/webhook",
	} {
		got := a.ask(t, "POST", target, m.body, m.header()...)
		if code := got.document(t)["code"]; code != "not-found" && code != "sale-unknown" {
			t.Errorf("%s: got %s %s, want it unknown", target, got.Status, got.body)
		}
	}
	s.wantUnasked(t)
	for _, target := range []string{buyerapi.WebhookPath + "?x=1", "http://onsale" + buyerapi.WebhookPath} {
		if got := a.ask(t, "POST", target, m.body, m.header()...); got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s %s, want 200", target, got.Status, got.body)
		}
	}
}

// Providers stop at a 2xx, and try again for days at anything else.
func TestTheWebhooksAnswersHaveTheirStatus(t *testing.T) {
	t.Parallel()
	for a, want := range map[buyerapi.Answer]int{
		buyerapi.Paid: 200, buyerapi.RefundDue: 200, buyerapi.Ignored: 200, buyerapi.WebhookMalformed: 400,
		buyerapi.WebhookSignature: 401, buyerapi.WebhookExpired: 401,
		buyerapi.PaymentConflict: 409, buyerapi.BodyTooLarge: 413, buyerapi.InvalidPayment: 422,
		buyerapi.PaymentUnknown: 503, buyerapi.StoreUnavailable: 503,
	} {
		if got := a.Status(); got != want {
			t.Errorf("%v: got %d, want %d", a, got, want)
		}
	}
}

// A header has one value, and its name no case.
func TestTheHeadersOfAMessage(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	m := signed(ours, paying)
	forged := signed(foreign, paying)
	forged.signature += "\r\nwebhook-signature: " + m.signature
	wantProblem(t, a.post(t, forged), buyerapi.WebhookSignature)
	s.wantUnasked(t)
	var capitals []string
	for _, line := range m.header() {
		name, value, _ := strings.Cut(line, ":")
		capitals = append(capitals, strings.ToUpper(name)+":"+value)
	}
	// No buyer's token counts here, valid or not.
	for _, header := range [][]string{m.header(), capitals, append(m.header(), bearer("x"))} {
		if got := a.ask(t, "POST", buyerapi.WebhookPath, paying, header...); got.StatusCode != http.StatusOK {
			t.Errorf("%q: got %s %s, want 200", header, got.Status, got.body)
		}
	}
	wantProblem(t, a.ask(t, "POST", buyerapi.WebhookPath, paying, bearer(token(t, "alice"))), buyerapi.WebhookMalformed)
}

// Without Redis time no message can be verified.
func TestBeforeRedisTimeIsKnownNoMessageIsJudged(t *testing.T) {
	t.Parallel()
	s := payable()
	s.away = true
	a := s.serve(t)
	for _, m := range []message{signed(ours, paying), signed(foreign, paying), {body: paying}, signed(ours, `{"type":"x"}`)} {
		wantProblem(t, a.post(t, m), buyerapi.StoreUnavailable)
	}
	s.wantUnasked(t)
}
