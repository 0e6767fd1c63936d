package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// edge is a front that serves, and its buyers' client.
type edge struct {
	url    string
	client *http.Client
	stop   func() error
}

// lead starts a front before the nodes of a view.
func lead(t *testing.T, view sale.View) *edge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		err = newFront(func() sale.View { return view }, zap.NewNop()).run(ctx, l)
		close(served)
	}()
	transport := &http.Transport{}
	e := &edge{
		url: "http://" + l.Addr().String(), client: &http.Client{Transport: transport, Timeout: patience},
		stop: func() error { cancel(); <-served; return err },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := e.stop(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// order sends a purchase and returns the answer and its body.
func (e *edge) order(t *testing.T, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, e.url+"/v1/sales/demo/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, body, err := answered(e.client, r)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// node is a selling node that answers with a function.
func node(t *testing.T, name string, weight int, serve http.HandlerFunc) sale.Node {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return sale.Node{Name: name, Address: s.Listener.Addr().String(), Weight: weight, Ready: true}
}

// named answers with the node's name and the body that came.
func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, name+" "+r.Header.Get("Authorization")+" "+string(body))
	}
}

// dead is a node whose port nobody listens on.
func dead(t *testing.T, name string, weight int) sale.Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return sale.Node{Name: name, Address: l.Addr().String(), Weight: weight, Ready: true}
}

// hangUp takes the request and closes the connection.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}
