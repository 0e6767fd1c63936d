package buyerapi_test

import (
	"net/http"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/testbed/await"
)

// A node that has too much to do refuses purchases first, then who asks, then who cancels, and payments last.
func TestLoadIsShedByPriority(t *testing.T) {
	t.Parallel()
	s := payable()
	held := &slow{orders: &s.orders, called: make(chan struct{}, 8), let: make(chan struct{})}
	s.calls = held
	s.open(t)
	s.handler.Bound(8) // 4 purchases, 6 who ask, 7 who cancel, 8 payments
	a := listen(t, buyerapi.NewServer(s.handler, time.Minute))
	alice := bearer(token(t, "alice"))
	type outcome struct {
		status int
		code   any
	}
	answers := make(chan outcome, 8)
	send := func(method, target string) {
		go func() {
			got := a.ask(t, method, target, "", alice)
			answers <- outcome{got.StatusCode, got.document(t)["code"]}
		}()
		<-held.called // it is under way
	}
	buy := func(want buyerapi.Answer) {
		t.Helper()
		got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "bob")))
		if want == buyerapi.Busy {
			wantProblem(t, got, want)
		} else if got.StatusCode >= http.StatusBadRequest {
			t.Errorf("got %s %s, want an order", got.Status, got.body)
		}
	}
	busy := func(method string) {
		t.Helper()
		wantProblem(t, a.ask(t, method, theOrder, "", alice), buyerapi.Busy)
	}
	buy(buyerapi.Created)
	for range 4 {
		send("GET", theOrder)
	}
	buy(buyerapi.Busy)
	// Nobody looks at a token for that.
	wantProblem(t, a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`), buyerapi.Busy)
	for range 2 {
		send("GET", theOrder)
	}
	busy("GET")
	send("DELETE", theOrder)
	busy("DELETE")
	if got := a.post(t, signed(ours, paying)); got.StatusCode != http.StatusOK {
		t.Errorf("a payment got %s %s, want 200", got.Status, got.body)
	}
	if got := s.handler.UnderWay(); got != 7 {
		t.Errorf("got %d requests under way, want 7", got)
	}
	close(held.let)
	for range 7 {
		if got := <-answers; got.status != http.StatusOK && got.status != http.StatusConflict {
			t.Errorf("got %+v, want what was asked for", got)
		}
	}
	await.Until(t, "nothing is under way", func() bool { return s.handler.UnderWay() == 0 })
	buy(buyerapi.Replayed)
}

// What is answered from memory is no load: it costs less than to find out.
func TestWhatIsAnsweredFromMemoryIsNotShed(t *testing.T) {
	t.Parallel()
	s := payable()
	held := &slow{orders: &s.orders, called: make(chan struct{}, 8), let: make(chan struct{})}
	s.calls = held
	s.open(t)
	s.handler.Bound(1)
	a := listen(t, buyerapi.NewServer(s.handler, time.Minute))
	done := make(chan answer, 1)
	go func() { done <- a.ask(t, "GET", theOrder, "", bearer(token(t, "alice"))) }()
	<-held.called
	if got := a.ask(t, "GET", "/v1/sales/s", ""); got.StatusCode != http.StatusOK {
		t.Errorf("got %s %s, want the sale", got.Status, got.body)
	}
	wantProblem(t, a.ask(t, "POST", "/v1/sales/unknown/orders", `{"quantity":1}`), buyerapi.SaleUnknown)
	// A payment waits too, where there is no room at all: its provider sends it again.
	wantProblem(t, a.post(t, signed(ours, paying)), buyerapi.Busy)
	close(held.let)
	if got := <-done; got.StatusCode != http.StatusOK {
		t.Errorf("got %s %s, want the order", got.Status, got.body)
	}
}
