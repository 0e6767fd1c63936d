package compose

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/testbed"
)

// What goes wrong must be counted as often as it does: http.Client would send some requests twice.
func TestEveryFailureIsCountedOnce(t *testing.T) {
	var seen, cut atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := seen.Add(1); {
		case n%10 == 3: // no answer
			cut.Add(1)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		case n%10 == 5:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"busy"}`))
		case n%10 == 7: // and that is no failure
			w.Header().Set("Connection", "close")
			fallthrough
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"id":"an-order"}`))
		}
	}))
	defer server.Close()
	b := newBuyers(testbed.NewIssuer(), saleID, 2000)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	b.run(ctx, 3, server.Listener.Addr().String())
	p := b.periods[0]
	if p.Sent < 30 || int64(p.Sent) != seen.Load() {
		t.Errorf("got %d sent of %d that arrived, want as many, and far more than 30", p.Sent, seen.Load())
	}
	if got := p.Failures["connection"]; int64(got) != cut.Load() || got == 0 {
		t.Errorf("got %d broken connections, want %d", got, cut.Load())
	}
	if want := p.Sent - p.Failures["connection"] - p.Failures["503 busy"]; len(b.orders) != want || p.Failures["503 busy"] == 0 {
		t.Errorf("got %d orders with %v of %d, want %d", len(b.orders), p.Failures, p.Sent, want)
	}
}
