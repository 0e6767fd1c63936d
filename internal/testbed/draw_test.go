package testbed_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// lineOf is the public document's line of the sale "demo".
func (s *site) lineOf(t *testing.T) (l struct{ Commitment, List, Seed string }) {
	t.Helper()
	var d struct{ Line json.RawMessage }
	r, err := s.request(http.MethodGet, "/v1/sales/demo", "buyer", "")
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := answered(r)
	if err != nil || json.Unmarshal(body, &d) != nil || json.Unmarshal(d.Line, &l) != nil {
		t.Fatalf("got %s, %v", body, err)
	}
	return l
}

// TestThoseWhoJoinBeforeTheDrawAreDrawn: every node has them in the same order, and newcomers behind them.
func TestThoseWhoJoinBeforeTheDrawAreDrawn(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1, Ledgers: 1})
	draw := time.Now().Add(4 * time.Second)
	opens := draw.Add(time.Minute)
	d := adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 4200, Total: 10, Limit: 1, HoldSeconds: 60,
		Admission: "line", LineRate: 10, DrawAt: &draw, OpensAt: &opens}
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
	const n = 8
	for i := range n {
		if p := s.join(t, fmt.Sprint("buyer-", i), "", http.StatusCreated); p.Place != "d" || p.Position != 0 {
			t.Fatalf("got %+v, want a place without a position", p)
		}
	}
	if l := s.lineOf(t); l.Seed != "" || l.Commitment == "" {
		t.Errorf("got %+v before the draw, want its commitment alone", l)
	}
	await.Within(t, time.Minute, "the seed", func() bool { return s.lineOf(t).Seed != "" })
	var positions [n]int64
	taken := map[int64]bool{}
	for i := range n {
		buyer := fmt.Sprint("buyer-", i)
		await.Within(t, time.Minute, "a position", func() bool {
			positions[i] = s.join(t, buyer, "", http.StatusOK).Position
			return positions[i] > 0
		})
		taken[positions[i]] = true
		if positions[i] > n {
			t.Errorf("%s: got position %d of %d", buyer, positions[i], n)
		}
	}
	if len(taken) != n {
		t.Errorf("got positions %v, want each once", positions)
	}
	for i := range n {
		for range 6 { // Nginx takes the nodes in turn; some may not know the draw yet
			await.Within(t, time.Minute, "a position", func() bool {
				p := s.join(t, fmt.Sprint("buyer-", i), "", http.StatusOK)
				if p.Position != 0 && p.Position != positions[i] {
					t.Fatalf("got %+v, want position %d again", p, positions[i])
				}
				return p.Position != 0
			})
		}
	}
	await.Within(t, time.Minute, "the ledger to have the draw", func() bool {
		b := s.audit(t).Book
		return b != nil && b.Unreadable == 0 && b.Lined.Frozen && b.Lined.Drawn == n && b.Lined.List != ""
	})
	if p := s.join(t, "newcomer", "", http.StatusCreated); p.Place != "1" || p.Position != n+1 {
		t.Errorf("got %+v, want the first place behind the drawn", p)
	}
}
