package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"onsale/bench/generator"
)

// A front that serves half as many buyers as come keeps the later ones waiting.
// In an open loop that is their latency.
func TestBuyersWaitFromWhenTheyAreDue(t *testing.T) {
	const buyers, each = 50, 10 * time.Millisecond
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(each)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"`+r.Header.Get("Authorization")+`"}`)
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
