package testbed_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi/client"
	"onsale/internal/testbed"
)

func TestLimitsOfANodeChangeWhileItSells(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, NodeArgs: []string{"--buyer-rate", "0"}})
	s.open(t, 100, time.Hour)
	node := s.Nodes[0]
	mine := fmt.Sprint("http://", node.Listen, "/v1/sales/demo/orders/mine")
	at := client.Client{Addr: node.Admin, Token: s.AdminToken}
	asks := func(buyer string, want int) {
		t.Helper()
		if a := s.ask(t, http.MethodGet, mine, buyer, ""); a.status != want {
			t.Errorf("%s: got %+v, want %d", buyer, a, want)
		}
	}
	change := func(to string) {
		t.Helper()
		if l, err := at.ChangeLimits(s.ctx, json.RawMessage(to)); err != nil {
			t.Fatalf("got %+v, %v", l, err)
		}
	}
	for range 20 {
		asks("ann", http.StatusNotFound)
	}
	change(`{"buyer_rate":0.001,"buyer_burst":2}`)
	asks("ann", http.StatusNotFound)
	asks("ann", http.StatusNotFound)
	asks("ann", http.StatusTooManyRequests)
	asks("bob", http.StatusNotFound)
	change(`{"buyer_rate":0}`)
	asks("ann", http.StatusNotFound)
	if a := s.buy(t, "ann"); a.status != http.StatusCreated {
		t.Errorf("got %+v, want the ticket", a)
	}
}

// Strangers cost a node less than buyers: otherwise they could keep it from selling with fewer requests than it sells
// tickets.
func TestAStrangerCostsANodeLessThanABuyer(t *testing.T) {
	t.Parallel()
	const turns, each = 4, 1000
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, NodeArgs: []string{"--buyer-rate", "50"}})
	s.open(t, 2*turns*each, time.Hour)
	node := s.Nodes[0]
	kinds := []struct {
		name  string
		token func(valid string) string
		want  int
	}{
		{"a buyer", func(valid string) string { return valid }, http.StatusCreated},
		{"without a token", func(string) string { return "" }, http.StatusUnauthorized},
		{"with another's signature", func(valid string) string {
			return valid[:strings.LastIndexByte(valid, '.')] + "." + strings.Repeat("A", 43)
		}, http.StatusUnauthorized},
		{"with eight kilobytes of nonsense", func(string) string { return strings.Repeat("x", 7000) }, http.StatusUnauthorized},
	}
	used := make([]float64, len(kinds))
	client := http.Client{Timeout: 20 * time.Second}
	for turn := range turns {
		for i, kind := range kinds {
			before, err := testbed.CPUTime(node.Pid())
			if err != nil {
				t.Fatal(err)
			}
			for n := range each {
				valid, err := s.Issuer.Token(fmt.Sprintf("buyer-%d-%d", turn, n), time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				if got := nodePurchase(t, &client, node.Listen, kind.token(valid)); got != kind.want {
					t.Fatalf("%s: got %d, want %d", kind.name, got, kind.want)
				}
			}
			after, err := testbed.CPUTime(node.Pid())
			if err != nil {
				t.Fatal(err)
			}
			used[i] += after - before
		}
	}
	for i, kind := range kinds {
		t.Logf("%s: %.0f µs of the node", kind.name, used[i]/turns/each*1e6)
		if i > 0 && used[i] >= used[0] {
			t.Errorf("%s: got %.2f s for %d requests, want less than the %.2f s of buyers", kind.name, used[i], turns*each, used[0])
		}
	}
}

// nodePurchase sends a purchase to a node, and returns the status.
func nodePurchase(t *testing.T, c *http.Client, node, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprint("http://", node, "/v1/sales/demo/orders"), strings.NewReader(`{"quantity":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil { // or the connection is not used again
		t.Fatal(err)
	}
	return a.StatusCode
}
