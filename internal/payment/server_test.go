package payment_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

// server is a node's webhook, as far as a provider sees it: it verifies every message
// by our own code and by the peer's, and answers what the test sets.
type server struct {
	*httptest.Server
	t      *testing.T
	secret payment.Secret
	// answer is called for the nth request, counted from 1.
	answer func(w http.ResponseWriter, r *http.Request, nth int)

	mu   sync.Mutex
	got  []payment.Message
	ids  []sale.MessageID
	body []string
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, nth int)) *server {
	s := &server{t: t, secret: payment.NewSecret(), answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	h := payment.Headers{
		ID:        []byte(r.Header.Get(payment.HeaderID)),
		Timestamp: []byte(r.Header.Get(payment.HeaderTimestamp)),
		Signature: []byte(r.Header.Get(payment.HeaderSignature)),
	}
	id, err := payment.Secrets{s.secret}.Verify(h, text, instant(time.Now()))
	if err != nil {
		s.t.Error(err)
	}
	if err := newPeer(s.t, s.secret).Verify(text, r.Header); err != nil {
		s.t.Error(err)
	}
	m, err := payment.Parse(text)
	if err != nil {
		s.t.Error(err)
	}
	if got := r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type"); got != "POST /v1/payments/webhook application/json" {
		s.t.Errorf("got %s, want a POST of JSON to the webhook", got)
	}
	s.mu.Lock()
	s.got, s.ids, s.body = append(s.got, m), append(s.ids, id), append(s.body, string(text))
	nth := len(s.got)
	s.mu.Unlock()
	s.answer(w, r, nth)
}

// payer is one that loses no time over its retries.
func (s *server) payer(t *testing.T, change func(*payment.Config)) *payment.Payer {
	t.Helper()
	cfg := payment.DefaultConfig()
	cfg.URL = s.URL + "/v1/payments/webhook"
	cfg.Backoff, cfg.MaxWait = time.Millisecond, 4*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	p, err := payment.NewPayer(s.secret, s.Client(), cfg, payment.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// status answers every request alike.
func status(code int, text string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}
