package testbed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/line"
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
		Admission: "line", LineRate: 10, DrawAt: &draw, OpensAt: &opens, Beacon: "drand quicknet 7"}
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
	const n = 8
	for i := range n {
		if p := s.join(t, "demo", fmt.Sprint("buyer-", i), "", http.StatusCreated); p.Place != "d" || p.Position != 0 {
			t.Fatalf("got %+v, want a place without a position", p)
		}
	}
	if l := s.lineOf(t); l.Seed != "" || l.Commitment == "" {
		t.Errorf("got %+v before the draw, want its commitment alone", l)
	}
	await.Within(t, time.Minute, "the list", func() bool { return s.lineOf(t).List != "" })
	if l := s.lineOf(t); l.Seed != "" {
		t.Errorf("got %+v before the beacon's value, want no seed", l)
	}
	if _, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales/demo/line/beacon", []byte(`{"value":"beef"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales/demo/line/beacon", []byte(`{"value":"cafe"}`)); err == nil {
		t.Error("got another value recorded, want a refusal")
	}
	await.Within(t, time.Minute, "the seed", func() bool { return s.lineOf(t).Seed != "" })
	var positions [n]int64
	taken := map[int64]bool{}
	for i := range n {
		buyer := fmt.Sprint("buyer-", i)
		await.Within(t, time.Minute, "a position", func() bool {
			positions[i] = s.join(t, "demo", buyer, "", http.StatusOK).Position
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
	s.verifyDraw(t, n)
	for i := range n {
		for range 6 { // Nginx takes the nodes in turn; some may not know the draw yet
			await.Within(t, time.Minute, "a position", func() bool {
				p := s.join(t, "demo", fmt.Sprint("buyer-", i), "", http.StatusOK)
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
	if p := s.join(t, "demo", "newcomer", "", http.StatusCreated); p.Place != "1" || p.Position != n+1 {
		t.Errorf("got %+v, want the first place behind the drawn", p)
	}
}

// verifyDraw computes the draw again from what is public, and with another seed and list.
func (s *site) verifyDraw(t *testing.T, places int) {
	t.Helper()
	text, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/demo/line?entries=1", nil)
	var l adminapi.Line
	if err != nil || json.Unmarshal(text, &l) != nil {
		t.Fatalf("got %s, %v", text, err)
	}
	hash := func(digits string) line.Hash {
		h, err := line.ParseHash(digits)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	r := line.Record{Commitment: hash(l.Commitment), List: hash(l.List), Seed: line.Seed(hash(l.Seed)), Beacon: []byte(l.BeaconValue)}
	for _, e := range l.Entries {
		r.Entries = append(r.Entries, line.Entry(hash(e)))
	}
	d, err := r.Verify([]byte("beef"))
	if err != nil || d.Len() != places {
		t.Errorf("got %+v verified with %v, want %d places", l, err, places)
	}
	r.Seed[0]++
	r.Entries = r.Entries[1:]
	if _, err := r.Verify([]byte("beef")); !errors.Is(err, line.ErrSeed) || !errors.Is(err, line.ErrList) {
		t.Errorf("another seed and list: got %v, want ErrSeed and ErrList", err)
	}
}
