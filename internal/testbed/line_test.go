package testbed_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// placed is what one who joins gets.
type placed struct {
	Place, Token            string
	Position, Joined, Front int64
}

// join joins the line of the sale "demo", with a place token if one is given.
func (s *site) join(t *testing.T, buyer, token string, want int) (p placed) {
	t.Helper()
	r, err := s.request(http.MethodPost, "/v1/sales/demo/line", buyer, "")
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Onsale-Place", token)
	}
	a, body, err := answered(r)
	if err != nil || a.StatusCode != want || json.Unmarshal(body, &p) != nil {
		t.Fatalf("%s joins: got %v %s, %v, want %d", buyer, a, body, err, want)
	}
	return p
}

// buyInTurn buys a ticket with a place token.
func (s *site) buyInTurn(t *testing.T, buyer, token string) (code string, status int) {
	t.Helper()
	r, err := s.request(http.MethodPost, "/v1/sales/demo/orders", buyer, `{"quantity":1}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Onsale-Place", token)
	a, body, err := answered(r)
	var d struct{ Code string }
	if err != nil || json.Unmarshal(body, &d) != nil {
		t.Fatalf("%s buys: got %s, %v", buyer, body, err)
	}
	return d.Code, a.StatusCode
}

// TestBuyersJoinThroughAnyNode: a place is the same through every node, survives the loss of Redis's
// places, and lets its buyer alone buy, in turn.
func TestBuyersJoinThroughAnyNode(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1, Ledgers: 1})
	d := adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 4200, Total: 10, Limit: 1, HoldSeconds: 60, Admission: "line", LineRate: 10}
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
	var places []placed
	for i := range 6 {
		p := s.join(t, fmt.Sprint("buyer-", i), "", http.StatusCreated)
		if want := int64(i + 1); p.Position != want || p.Place != fmt.Sprint(want) {
			t.Fatalf("got %+v, want place %d", p, want)
		}
		places = append(places, p)
	}
	for i, p := range places {
		for range 3 { // Nginx takes the nodes in turn
			if again := s.join(t, fmt.Sprint("buyer-", i), "", http.StatusOK); again.Place != p.Place {
				t.Errorf("got %+v, want %+v again", again, p)
			}
		}
	}
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	keys := remotestock.Keys("demo")
	if code, _ := s.buyInTurn(t, "buyer-0", places[0].Token); code != "not-your-turn" {
		t.Errorf("got %q, want not-your-turn: the front has not moved", code)
	}
	if err := client.HSet(s.ctx, keys[0], "front", "3").Err(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "the first three to buy", func() bool {
		for i := range 3 {
			if _, status := s.buyInTurn(t, fmt.Sprint("buyer-", i), places[i].Token); status >= 400 {
				return false
			}
		}
		return true
	})
	for name, c := range map[string]struct{ buyer, token, code string }{
		"who comes after the front":     {"buyer-3", places[3].Token, "not-your-turn"},
		"with another's place":          {"buyer-5", places[0].Token, "place-required"},
		"without one":                   {"buyer-5", "", "place-required"},
		"with a buyer's token as place": {"buyer-5", bearerOf(t, s, "buyer-5"), "place-required"},
	} {
		if code, _ := s.buyInTurn(t, c.buyer, c.token); code != c.code {
			t.Errorf("one %s: got %q, want %q", name, code, c.code)
		}
	}
	if err := client.Del(s.ctx, keys[12]).Err(); err != nil {
		t.Fatal(err)
	}
	if p := s.join(t, "buyer-4", places[4].Token, http.StatusOK); p.Place != places[4].Place {
		t.Errorf("got %+v, want %+v from its proof", p, places[4])
	}
	if sold := s.audit(t).Sold(); sold != 3 {
		t.Errorf("got %d sold, want 3", sold)
	}
}

// bearerOf is a buyer's own token.
func bearerOf(t *testing.T, s *site, buyer string) string {
	t.Helper()
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
