package testbed_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"onsale/internal/adminapi"
	"onsale/internal/proof"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// easy and hard are the bounds of a challenge's numbers, here: few, so that a rush of some joins is one.
const easy, hard = 200, 2000

// challenge is one for a buyer, through Nginx.
func (s *site) challenge(t *testing.T, sale, buyer string) (c proof.Challenge) {
	t.Helper()
	r, err := s.request(http.MethodGet, "/v1/sales/"+sale+"/line/challenge", buyer, "")
	if err != nil {
		t.Fatal(err)
	}
	a, body, err := answered(r)
	if err != nil || a.StatusCode != http.StatusOK || json.Unmarshal(body, &c) != nil {
		t.Fatalf("%s asks for a challenge: got %v %s, %v", buyer, a, body, err)
	}
	return c
}

// joinWith joins with a proof, and returns the status and the problem's code.
func (s *site) joinWith(t *testing.T, sale, buyer, solution string) (status int, problem struct{ Code, Challenge string }) {
	t.Helper()
	body := ""
	if solution != "" {
		body = fmt.Sprintf(`{"proof":%q}`, solution)
	}
	r, err := s.request(http.MethodPost, "/v1/sales/"+sale+"/line", buyer, body)
	if err != nil {
		t.Fatal(err)
	}
	a, text, err := answered(r)
	if err != nil || json.Unmarshal(bytes.TrimSpace(text), &problem) != nil {
		t.Fatalf("%s joins: got %s, %v", buyer, text, err)
	}
	return a.StatusCode, problem
}

// TestBuyersProveWorkThroughNginx: with a node's own flags, as an operator turns it on.
func TestBuyersProveWorkThroughNginx(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "proof-keys")
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, as its documentation promises
	if err := os.WriteFile(keys, []byte(base64.StdEncoding.EncodeToString(raw)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, NodeArgs: []string{"--proof-keys", keys, "--proof-easy", fmt.Sprint(easy), "--proof-hard", fmt.Sprint(hard), "--proof-capacity", "1"}})
	const id = "worked-for"
	if err := s.Open(t.Context(), adminapi.Definition{ID: id, Title: "Worked for", Currency: "EUR", Price: 4200, Total: 10, Admission: "line"}); err != nil {
		t.Fatal(err)
	}
	if err := s.AwaitSale(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	solve := func(c proof.Challenge) string {
		solution, err := proof.Solve(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return solution
	}

	status, problem := s.joinWith(t, id, "alice", "")
	if status != http.StatusForbidden || problem.Code != "proof-required" || problem.Challenge != "/v1/sales/"+id+"/line/challenge" {
		t.Errorf("without a proof: got %d %+v, want proof-required, and where to get a challenge", status, problem)
	}
	c := s.challenge(t, id, "alice")
	if c.MaxNumber != easy {
		t.Errorf("got a challenge of up to %d while nobody joins, want %d", c.MaxNumber, easy)
	}
	solution := solve(c)
	if status, problem := s.joinWith(t, id, "bob", solution); status != http.StatusForbidden || problem.Code != "proof-wrong" {
		t.Errorf("with another buyer's proof: got %d %+v, want proof-wrong", status, problem)
	}
	if status, problem := s.joinWith(t, id, "alice", solution); status != http.StatusCreated {
		t.Errorf("with a proof: got %d %+v, want a place", status, problem)
	}
	if status, problem := s.joinWith(t, id, "alice", solution); status != http.StatusOK {
		t.Errorf("sent again: got %d %+v, want the same place", status, problem)
	}

	buyers := 0
	await.Until(t, "a rush of joins makes challenges hard", func() bool {
		buyer := fmt.Sprint("rush-", buyers)
		buyers++
		c := s.challenge(t, id, buyer)
		if status, problem := s.joinWith(t, id, buyer, solve(c)); status != http.StatusCreated {
			t.Fatalf("%s: got %d %+v, want a place", buyer, status, problem)
		}
		return c.MaxNumber == hard
	})
}
