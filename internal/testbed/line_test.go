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

// join joins a sale's line, with a place token if one is given.
func (s *site) join(t *testing.T, sale, buyer, token string, want int) (p placed) {
	t.Helper()
	r, err := s.request(http.MethodPost, "/v1/sales/"+sale+"/line", buyer, "")
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

// inTurn is what one who buys in turn gets.
type inTurn struct {
	status          int
	after           string // Retry-After
	Code            string
	Position, Front int64
}

// buyInTurn buys a ticket with a place token.
func (s *site) buyInTurn(t *testing.T, sale, buyer, token string) (got inTurn) {
	t.Helper()
	r, err := s.request(http.MethodPost, "/v1/sales/"+sale+"/orders", buyer, `{"quantity":1}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Onsale-Place", token)
	a, body, err := answered(r)
	if err != nil || json.Unmarshal(body, &got) != nil {
		t.Fatalf("%s buys: got %s, %v", buyer, body, err)
	}
	got.status, got.after = a.StatusCode, a.Header.Get("Retry-After")
	return got
}

// openLine opens a sale that one joins, of a ticket each.
func (s *site) openLine(t *testing.T, d adminapi.Definition) {
	t.Helper()
	d.Title, d.Currency, d.Price, d.Limit, d.HoldSeconds = "Demo", "EUR", 4200, 1, 600
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
}

// TestBuyersJoinAndBuyInTurn: a place is the same through every node, survives the loss of Redis's
// places, and lets its buyer alone buy, once the front is there.
func TestBuyersJoinAndBuyInTurn(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1, Ledgers: 1})
	const tickets, joined = 5, 8
	s.openLine(t, adminapi.Definition{ID: "demo", Total: tickets, Admission: "line", LineRate: 10})
	var places []placed
	buyer := func(i int) string { return fmt.Sprint("buyer-", i+1) }
	for i := range joined {
		p := s.join(t, "demo", buyer(i), "", http.StatusCreated)
		if want := int64(i + 1); p.Position != want || p.Place != fmt.Sprint(want) {
			t.Fatalf("got %+v, want place %d", p, want)
		}
		places = append(places, p)
	}
	for i, p := range places {
		for range 3 { // Nginx takes the nodes in turn
			if again := s.join(t, "demo", buyer(i), "", http.StatusOK); again.Place != p.Place {
				t.Errorf("got %+v, want %+v again", again, p)
			}
		}
	}
	last := joined - 1
	// Nobody has bought, so the front rests far before the last.
	got := s.buyInTurn(t, "demo", buyer(last), places[last].Token)
	if got.status != http.StatusForbidden || got.Code != "not-your-turn" || got.Position != joined || got.Front >= joined || got.after == "" {
		t.Errorf("the last: got %+v, want not-your-turn with position and front", got)
	}
	for name, c := range map[string]struct{ buyer, token string }{
		"with another's place":          {buyer(last), places[0].Token},
		"without one":                   {buyer(last), ""},
		"with a buyer's token as place": {buyer(last), bearerOf(t, s, buyer(last))},
	} {
		if got := s.buyInTurn(t, "demo", c.buyer, c.token); got.Code != "place-required" {
			t.Errorf("one %s: got %+v, want place-required", name, got)
		}
	}
	for i := range tickets {
		await.Until(t, buyer(i)+" to buy in turn", func() bool {
			return s.buyInTurn(t, "demo", buyer(i), places[i].Token).status == http.StatusCreated
		})
	}
	for i := tickets; i < joined; i++ {
		if got := s.buyInTurn(t, "demo", buyer(i), places[i].Token); got.Code != "not-your-turn" && got.Code != "sold-out" {
			t.Errorf("%s when all is sold: got %+v", buyer(i), got)
		}
	}
	if sold := s.audit(t).Sold(); sold != tickets {
		t.Errorf("got %d sold, want %d", sold, tickets)
	}
	if err := s.dial(t).Del(s.ctx, remotestock.Keys("demo")[12]).Err(); err != nil {
		t.Fatal(err)
	}
	if p := s.join(t, "demo", buyer(4), places[4].Token, http.StatusOK); p.Place != places[4].Place {
		t.Errorf("got %+v, want %+v from its proof", p, places[4])
	}

	t.Run("who has a pass buys, and nobody else", func(t *testing.T) {
		s.openLine(t, adminapi.Definition{ID: "pass", Total: 10, Admission: "pass"})
		for i := range 2 {
			p := s.join(t, "pass", buyer(i), "", http.StatusCreated)
			if got := s.buyInTurn(t, "pass", buyer(i), p.Token); got.status != http.StatusCreated {
				t.Errorf("%s: got %+v, want 201", buyer(i), got)
			}
			for _, token := range []string{"", p.Token, places[7].Token} {
				if got := s.buyInTurn(t, "pass", buyer(7), token); got.Code != "place-required" {
					t.Errorf("who has not joined: got %+v, want place-required", got)
				}
			}
		}
	})
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
