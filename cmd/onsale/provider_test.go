package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testProvider posts an order to the provider that the greeting names, as curl does.
func testProvider(t *testing.T, client *http.Client, greeting, order string) {
	found := regexp.MustCompile(`(?m)^ +curl -s -d @order.json (\S+)$`).FindStringSubmatch(greeting)
	if found == nil {
		t.Fatalf("got no provider in:\n%s", greeting)
	}
	post := func(t *testing.T, body string) (int, string) {
		t.Helper()
		answer, err := client.Post(found[1], "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	t.Run("pays an order", func(t *testing.T) {
		status, text := post(t, order)
		if got := readReceipt(t, text); status != http.StatusOK || got.Outcome != "paid" || got.Order.State != "paid" || got.Order.ID != idOf(t, order) {
			t.Errorf("got %d %s, want 200, and order %s paid", status, text, idOf(t, order))
		}
	})
	t.Run("pays an order twice, and the money is due back", func(t *testing.T) {
		status, text := post(t, order)
		if got := readReceipt(t, text); status != http.StatusOK || got.Outcome != "refund-due" || got.Reason != "doubled" {
			t.Errorf("got %d %s, want 200, refund-due, doubled", status, text)
		}
	})
	t.Run("pays an order that nobody knows, and the money is due back", func(t *testing.T) {
		status, text := post(t, strings.Replace(order, idOf(t, order), "01890000-0000-7000-8000-000000000000", 1))
		if got := readReceipt(t, text); status != http.StatusOK || got.Outcome != "refund-due" || got.Reason != "orphan" || got.Order.ID != "" {
			t.Errorf("got %d %s, want 200, refund-due, orphan, and no order", status, text)
		}
	})
	t.Run("refuses what is no order", func(t *testing.T) {
		if status, text := post(t, "order"); status != http.StatusBadRequest {
			t.Errorf("got %d %s, want 400", status, text)
		}
		if status, text := post(t, "{}"); status != http.StatusUnprocessableEntity {
			t.Errorf("got %d %s, want 422", status, text)
		}
	})
}

func TestTheProvidersSecret(t *testing.T) {
	file := secretsBeside(keysIn(t))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := keepSecret(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("outlives the site", func(t *testing.T) {
		if again, err := keepSecret(file); err != nil || again.Reveal() != first.Reveal() {
			t.Errorf("got %v and another secret than before, want the same", err)
		}
	})
	t.Run("is its owner's alone", func(t *testing.T) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("got mode %o, want 600", got)
		}
	})
	t.Run("that can't be read is an error, and stays", func(t *testing.T) {
		if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keepSecret(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("got error %v, want one that names %s", err, file)
		}
		if raw, err := os.ReadFile(file); err != nil || string(raw) != "secret" {
			t.Errorf("got %q, %v, want the file untouched", raw, err)
		}
	})
}

// testPage opens the first address that the greeting names, and signs in as its page does.
func testPage(t *testing.T, client *http.Client, greeting string) {
	page := regexp.MustCompile(`http://\S+`).FindString(greeting)
	front, found := strings.CutSuffix(page, "/sales/demo")
	if !found {
		t.Fatalf("got %q as the first address, want the page of the demo sale", page)
	}
	answer, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || answer.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("got %s with %v, want a page with its policy", answer.Status, answer.Header)
	}
	answer, err = client.Get(front + "/v1/session")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var refusal struct {
		SignIn string `json:"sign_in"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&refusal); err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Fatalf("got %s (%v) of a session, want 401", answer.Status, err)
	}
	r, err := http.NewRequest(http.MethodGet, refusal.SignIn+"?buyer=alice&return="+url.QueryEscape(page), nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := client.Transport.RoundTrip(r) // which follows nothing
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	_, token, _ := strings.Cut(back.Header.Get("Location"), page+"#token=")
	var s struct{ Buyer string }
	get(t, client, front+"/v1/session", &s, "Authorization", "Bearer "+token)
	if s.Buyer != "alice" {
		t.Errorf("got buyer %q by the token of %s, want alice", s.Buyer, back.Header.Get("Location"))
	}
}
