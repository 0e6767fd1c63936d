package ratelimit_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

func limiter(t *testing.T, l ratelimit.Limits) *ratelimit.Limiter {
	t.Helper()
	made, err := ratelimit.New(l)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var off ratelimit.Rate

func TestWhatIsOffRefusesNobody(t *testing.T) {
	l := limiter(t, ratelimit.Limits{Buyer: off, Node: off})
	for range 1000 {
		if v := l.Take("alice", false); v != (ratelimit.Verdict{}) {
			t.Fatalf("got %+v, want a pass", v)
		}
	}
}

// A quarter of what the node has at once is left to those who cancel or look for their orders.
func TestUrgentRequestsComeBeforePurchases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, ratelimit.Limits{Buyer: off, Node: ratelimit.Rate{PerSecond: 100, Burst: 40}})
		take := func(urgent bool) (passed int) {
			for i := range 100 {
				v := l.Take(sale.Buyer(fmt.Sprint("buyer-", i)), urgent)
				switch {
				case v.Policy == ratelimit.None:
					passed++
				case v.Policy != ratelimit.PerNode || v.Wait <= 0 || v.Wait > time.Second:
					t.Fatalf("got %+v, want a refusal by the node, and a short wait", v)
				}
			}
			return passed
		}
		if got := take(false); got != 30 {
			t.Errorf("got %d purchases, want 30 of 40", got)
		}
		if got := take(true); got != 10 {
			t.Errorf("got %d urgent requests, want the 10 that are left", got)
		}
		time.Sleep(50 * time.Millisecond)
		if got := take(false); got != 0 {
			t.Errorf("got %d purchases, want none before the reserve is full again", got)
		}
		time.Sleep(time.Second)
		if got := take(false); got != 30 {
			t.Errorf("got %d purchases after a second, want 30", got)
		}
	})
}

func TestABuyerWhoAsksTooOftenDoesNotUseUpTheNode(t *testing.T) {
	l := limiter(t, ratelimit.Limits{Buyer: ratelimit.Rate{PerSecond: 0.001, Burst: 2}, Node: ratelimit.Rate{PerSecond: 0.001, Burst: 4}})
	for range 100 {
		l.Take("mallory", true)
	}
	if v := l.Take("mallory", true); v.Policy != ratelimit.PerBuyer || v.Rate.Burst != 2 || v.Wait <= 0 {
		t.Errorf("got %+v, want a refusal by the buyer's limit", v)
	}
	for _, buyer := range []sale.Buyer{"alice", "bob"} {
		if v := l.Take(buyer, true); v.Policy != ratelimit.None {
			t.Errorf("%s: got %+v, want a pass", buyer, v)
		}
	}
	if v := l.Take("carol", true); v.Policy != ratelimit.PerNode {
		t.Errorf("got %+v, want a refusal by the node's limit", v)
	}
}

func TestLimitsChangeWhileTheyAreUsed(t *testing.T) {
	l := limiter(t, ratelimit.Limits{Buyer: ratelimit.Rate{PerSecond: 0.001, Burst: 1}, Node: off})
	passes := func(want bool) {
		t.Helper()
		if got := l.Take("alice", false).Policy == ratelimit.None; got != want {
			t.Errorf("got passed %v, want %v", got, want)
		}
	}
	passes(true)
	passes(false)
	change := func(f func(*ratelimit.Limits)) {
		t.Helper()
		if _, err := l.Change(f); err != nil {
			t.Fatal(err)
		}
	}
	change(func(l *ratelimit.Limits) { l.Node = ratelimit.Rate{PerSecond: 5, Burst: 5} })
	passes(false) // the other limit keeps its counts
	change(func(l *ratelimit.Limits) { l.Node.PerSecond, l.Buyer.Burst = 0, 2 })
	passes(true)
	passes(true)
	passes(false)
	change(func(l *ratelimit.Limits) { l.Buyer.PerSecond = 0 })
	passes(true)
	got, err := l.Change(func(l *ratelimit.Limits) { l.Buyer.PerSecond, l.Node.Burst = -1, -1 })
	if err == nil || !strings.Contains(err.Error(), "buyer rate") || !strings.Contains(err.Error(), "node burst") || got != l.Limits() || got.Node.Burst != 5 {
		t.Errorf("got %+v and %v, want both faults, and the limits from before", got, err)
	}
}
