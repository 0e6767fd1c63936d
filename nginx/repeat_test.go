package nginx_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A holder who repeats a purchase gets the order from a node, also while Nginx keeps sold out
// for everybody else.
func TestARepeatedPurchaseReachesANodeWhileSoldOutIsKept(t *testing.T) {
	t.Parallel()
	var repeated, others atomic.Int64
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") == "" {
			others.Add(1)
			soldOut(w, r)
			return
		}
		if repeated.Add(1); r.Header.Get("Authorization") == "Bearer holder" {
			w.WriteHeader(http.StatusOK)
			return
		}
		soldOut(w, r)
	}))})
	for _, key := range []string{"7f3a", "0"} { // Nginx takes a "0" for no
		wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
		wantStatus(t, e.buy(t, "demo", "Authorization: Bearer holder", "Idempotency-Key: "+key), http.StatusOK)
	}
	// The answer to a repeated purchase is not kept for others.
	wantStatus(t, e.buy(t, "other", "Idempotency-Key: 7f3a"), http.StatusConflict)
	before := others.Load()
	wantStatus(t, e.buy(t, "other"), http.StatusConflict)
	if got := others.Load(); got != before+1 {
		t.Errorf("the first purchase without a key reached the node %d times, want 1", got-before)
	}
	if got := repeated.Load(); got != 3 {
		t.Errorf("3 repeated purchases reached the node %d times, want 3", got)
	}
}

// Nginx makes a request once and sends the same again, so a retry can't carry a mark that it is one.
// The client's own key survives the retry.
func TestARetryCarriesTheClientsKey(t *testing.T) {
	t.Parallel()
	keys := make(chan string, 1)
	alive := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key") + "|" + r.Header.Get("Onsale-Retried")
		w.WriteHeader(http.StatusOK)
	})
	backup := strings.Replace(servers(alive), ";", " backup;", 1)
	e := start(t, site{Upstream: servers(startRaw(t, dies)) + backup})
	a := e.buy(t, "demo", "Idempotency-Key: 7f3a", "Onsale-Retried: 1")
	wantStatus(t, a, http.StatusOK)
	wantHeader(t, a, "Onsale-Retried", "1")
	if got := <-keys; got != "7f3a|" {
		t.Errorf("the second node got key and retry %q, want the key alone", got)
	}
}

// A client that had shut down its writing side was dropped without an answer.
func TestAHalfClosedClientGetsItsAnswer(t *testing.T) {
	t.Parallel()
	half := make(chan struct{})
	e := start(t, site{Upstream: servers(startRaw(t, func(ctx context.Context, c net.Conn) {
		select { // the answer comes after the end of what the client sends
		case <-half:
		case <-ctx.Done():
		}
		fmt.Fprint(c, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	}))})
	c, err := net.Dial("tcp", e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { close(half) }) // so that Nginx sees the end first
	got, err := io.ReadAll(c)
	if want := "HTTP/1.1 201 "; err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("got %q, %v, want %s", got, err, want)
	}
}
