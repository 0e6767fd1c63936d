package payment_test

import (
	"strings"
	"testing"
	"time"

	"onsale/internal/payment"
)

func TestNewPayerReportsEveryFault(t *testing.T) {
	_, err := payment.NewPayer(payment.Secret{}, nil, payment.Config{URL: "ftp://x", Backoff: 2, MaxWait: 1}, payment.Hooks{})
	for _, want := range []string{"url", "attempts", "backoff", "max wait", "timeout", "secret", "client"} {
		if err == nil || !strings.Contains(err.Error(), "payer "+want) {
			t.Errorf("got %v, want one that names the %s", err, want)
		}
	}
	cfg := payment.DefaultConfig()
	for _, bad := range []string{"", "http://", "https:///x", "localhost:8080", "://", "mailto:x@y"} {
		if cfg.URL = bad; cfg.Validate() == nil {
			t.Errorf("got url %q accepted, want http or https and a host", bad)
		}
	}
	if cfg.URL = "https://tickets.example/v1/payments/webhook"; cfg.Validate() != nil {
		t.Errorf("got %v, want the defaults to need only a URL", cfg.Validate())
	}
	if cfg.MaxWait = 25 * time.Hour; cfg.Validate() == nil {
		t.Errorf("got max wait %v accepted, want at most a day", cfg.MaxWait)
	}
}
