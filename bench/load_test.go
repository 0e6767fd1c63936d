package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/bench/generator"
	"onsale/internal/sale"
)

// A front that serves half as many buyers as come keeps the later ones waiting.
// In an open loop that is their latency.
func TestBuyersWaitFromWhenTheyAreDue(t *testing.T) {
	const buyers, each = 50, 10 * time.Millisecond
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(each)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"`+r.Header.Get("Authorization")+`","quantity":1}`)
	}))
	defer front.Close()
	tokens := make([]string, buyers)
	for i := range tokens {
		tokens[i] = fmt.Sprint(i)
	}
	comes := 2 / each.Seconds() // twice what is served
	l := load{Front: front.URL, Sale: "s", Connections: 1, Rate: comes, Patience: time.Minute}
	s, err := l.buy(context.Background(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Acks); n != buyers {
		t.Fatalf("%d of %d buyers were served: %v", n, buyers, s.Answers)
	}
	if got, want := s.Decisions[generator.ClassSold].Max(), buyers*each/2-each; got < want {
		t.Errorf("the longest wait was %v, want at least %v", got, want)
	}
}

// A site that confirms every buyer another number of tickets than he asked for keeps right
// records, so that no audit of them finds it.
func TestWrongQuantityIsFound(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"o","quantity":2}`)
	}))
	defer front.Close()
	l := load{Front: front.URL, Sale: "s", Connections: 1, Patience: time.Minute}
	s, err := l.buy(t.Context(), []string{"ann", "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if s.WrongQuantity != 2 {
		t.Errorf("found in %d answers, want 2", s.WrongQuantity)
	}
	c := &crowd{client: front.Client(), told: map[sale.OrderID]sale.State{}, cluster: clusterAt(t, front.URL)}
	if o, err := c.buy(t.Context(), "ann"); err == nil || !strings.Contains(err.Error(), "an order of 2") {
		t.Errorf("one client got %+v, %v, want that the quantity is wrong", o, err)
	}
}
