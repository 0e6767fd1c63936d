package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/bench/judge"
	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// A documented 503 that lasts for some seconds is no failure of a client.
func TestClientsOutlastA503(t *testing.T) {
	var recovers time.Time
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(recovers) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, `{"id":"o1","quantity":1,"code":"outcome-unknown"}`)
	}))
	defer site.Close()
	c := &clients{client: site.Client(), answered: map[sale.OrderID]sale.State{}, cluster: clusterAt(t, site.URL)}
	const away = 1500 * time.Millisecond
	recovers = time.Now().Add(away)
	if o, err := c.buy(t.Context(), "ann"); err != nil || o.ID != "o1" {
		t.Errorf("buying: got %+v, %v, want the order", o, err)
	}
	recovers = time.Now().Add(away)
	if err := c.refund(t.Context(), document{ID: "o1"}); err != nil {
		t.Errorf("refunding: got %v", err)
	}
}

// clusterAt is a site whose front and whose allocator are one server of the test.
func clusterAt(t *testing.T, site string) *testbed.Site {
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	allocator, err := process.Start(t.TempDir(), "sleep", "sleep", []string{"60"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := allocator.Kill(); err != nil {
			t.Error(err)
		}
	})
	return &testbed.Site{Nginx: &process.Nginx{Port: port}, Issuer: testbed.NewIssuer(),
		Allocators: []*testbed.Member{{Process: allocator, Admin: u.Host}}}
}

// What one client failed with is a fault; the others' orders are compared all the same.
func TestFailedClientsAreFaults(t *testing.T) {
	c := &clients{answered: map[sale.OrderID]sale.State{"1": sale.StatePaid, "2": judge.Unsure, "3": sale.StateExpired}, unanswered: 1}
	for i := range 7 {
		c.failed(errors.New(strconv.Itoa(i)))
	}
	if got := c.faults(); len(got) != 6 || got[0] != "a client failed: 0" || got[5] != "2 more clients failed" {
		t.Errorf("got %q", got)
	}
	kept := map[sale.OrderID]sale.Order{
		"1": {State: sale.StatePaid}, "2": {State: sale.StateRefunded}, "3": {State: sale.StateHeld}, "4": {State: sale.StateHeld},
	}
	a := operate.Audited{Snapshot: sale.Snapshot{Records: sale.Records{Orders: kept}}, Book: &sale.Book{Records: sale.Records{Orders: kept}}}
	r := &ordersResult{Answered: map[string]int{}, outcome: outcome{Interrupted: true}}
	if c.settle(a, r); r.Lost != 0 || r.Contradicted != 0 || len(r.Faults) != 0 {
		t.Errorf("interrupted: got %+v, want no fault", r)
	}
	r = &ordersResult{Answered: map[string]int{}}
	if c.settle(a, r); r.Contradicted != 1 {
		t.Errorf("whole: got %d contradicted, want the hold that should have expired", r.Contradicted)
	}
	c.unanswered = 0
	if c.settle(a, r); len(r.Faults) != 1 {
		t.Errorf("got %q, want the order that nobody asked for", r.Faults)
	}
}

func TestRedisMayForgetOnlyOrdersThatEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		redis, ledger sale.State // "" where it has no such order
		lost          int
	}{
		"both":                {sale.StatePaid, sale.StatePaid, 0},
		"ended and forgotten": {"", sale.StateCancelled, 0},
		"live and forgotten":  {"", sale.StatePaid, 1},
		"held and forgotten":  {"", sale.StateHeld, 1},
		"not in the ledger":   {sale.StateCancelled, "", 1},
		"nowhere":             {"", "", 1},
	} {
		records := func(s sale.State) sale.Records {
			if s == "" {
				return sale.Records{}
			}
			return sale.Records{Orders: map[sale.OrderID]sale.Order{"1": {State: s}}}
		}
		c := &clients{answered: map[sale.OrderID]sale.State{"1": judge.Unsure}, unanswered: 1}
		r := &ordersResult{Answered: map[string]int{}}
		c.settle(operate.Audited{Snapshot: sale.Snapshot{Records: records(tt.redis)}, Book: &sale.Book{Records: records(tt.ledger)}}, r)
		if r.Lost != tt.lost || r.Contradicted != 0 {
			t.Errorf("%s: got %d lost and %d contradicted, want %d and 0", name, r.Lost, r.Contradicted, tt.lost)
		}
	}
}

func TestSoakThatKilledNothingShowsNothing(t *testing.T) {
	r := &soakResult{Memory: map[string]int64{"node": 100}, Growth: map[string]float64{}}
	(&soak{}).judge(r, nil)
	if len(r.Faults) != 0 || len(r.Unshown) != 2 || !slices.ContainsFunc(r.Unshown, func(s string) bool { return strings.Contains(s, "nothing was killed") }) {
		t.Errorf("got the faults %q and unshown %q", r.Faults, r.Unshown)
	}
	r = &soakResult{Memory: map[string]int64{"node": 200}, Growth: map[string]float64{}, Kills: map[string]int{"node": 1}}
	(&soak{}).judge(r, map[string]int64{"node": 100})
	if len(r.Faults) != 1 || len(r.Unshown) != 0 || r.Growth["node"] != 2 {
		t.Errorf("got the faults %q and unshown %q, growth %v, want one fault", r.Faults, r.Unshown, r.Growth)
	}
}

// A site that confirms every buyer another number of tickets than were asked for keeps right
// records, so that no audit of them finds it.
func TestWrongQuantityIsFound(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"o","quantity":2}`)
	}))
	defer front.Close()
	c := &clients{client: front.Client(), answered: map[sale.OrderID]sale.State{}, cluster: clusterAt(t, front.URL)}
	if o, err := c.buy(t.Context(), "ann"); err == nil || !strings.Contains(err.Error(), "an order of 2") {
		t.Errorf("one client got %+v, %v, want that the quantity is wrong", o, err)
	}
	b := newRoundBuyers(clusterAt(t, front.URL), "s", 0)
	b.visit(t.Context(), "ann")
	if got := b.answers(); got.WrongQuantity != 1 {
		t.Errorf("the buyers of failover found it in %d answers, want 1", got.WrongQuantity)
	}
}
