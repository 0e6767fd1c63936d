package board

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/rebalance"
	"onsale/internal/sale"
)

func kinds(events []Event) (kinds []Kind) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestWhatHappensToASaleIsInItsTimeline(t *testing.T) {
	f := newFake(2, 0)
	step := func(change func(*sale.Survey)) {
		v := f.stock("s", 100, 0, 0)
		change(&v)
		f.survey(v)
	}
	step(func(*sale.Survey) {})
	f.feed.Planned("s", 7, rebalance.First, 2)
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 100, Remaining: 60, Held: 40} })
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 100, Held: 100} })
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 100, Held: 100} })
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 100, Remaining: 3, Held: 97} })
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 110, Remaining: 13, Held: 97} })
	step(func(v *sale.Survey) {
		v.Counters = sale.Counters{Total: 110, Remaining: 13, Held: 97}
		v.Lost = "behind"
	})
	step(func(v *sale.Survey) { v.Counters = sale.Counters{Total: 110, Remaining: 13, Held: 97} })
	step(func(v *sale.Survey) {
		v.Counters, v.Sale.Closed = sale.Counters{Total: 110, Remaining: 13, Held: 97}, true
	})
	got := f.feed.sales["s"].events.events
	want := []Kind{Planned, SoldOut, Returned, Restocked, Shut, Reconciled, Closed}
	if diff := cmp.Diff(want, kinds(got)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got[2].Tickets != 3 || got[3].Tickets != 10 || got[4].Reason != "behind" || got[0].Plan != 7 {
		t.Errorf("got %+v, want 3 tickets returned, 10 more, the reason and the plan", got)
	}
}

func TestWhatHappensToNodesIsInTheSitesTimeline(t *testing.T) {
	f := NewFeed()
	now := time.Unix(1_000_000, 0)
	f.now = func() time.Time { return now }
	n := sale.Node{Name: "n1", Ready: true}
	f.NodeJoined(n)
	n.Drained = true
	f.NodeUpdated(n)
	n.Drained, n.Weight = false, 3
	f.NodeUpdated(n)
	n.Ready = false
	f.NodeUpdated(n)
	n.Weight = 4 // no event
	f.NodeUpdated(n)
	n.Ready = true
	f.NodeUpdated(n)
	f.NodeFailed(n)
	if got := f.goneNodes(); len(got) != 1 || got[0].Kind != Killed {
		t.Errorf("got %+v gone, want the node, killed", got)
	}
	f.NodeJoined(n)
	n.Draining, n.Ready = true, false // it shuts down: leaving is the event
	f.NodeUpdated(n)
	f.NodeLeft(n)
	f.RedisAnswered()
	f.look()
	now = now.Add(redisPatience + 1)
	f.look()
	f.look()
	f.RedisAnswered()
	if diff := cmp.Diff([]Kind{Joined, Drained, Undrained, Unready, Ready, Killed, Joined, Left, RedisAway, RedisBack}, kinds(f.site.events)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if now = now.Add(goneFor + 1); len(f.goneNodes()) != 0 {
		t.Errorf("got %+v gone after %v, want none", f.goneNodes(), goneFor)
	}
}

// Sales, nodes and events come for ever; what is kept does not grow.
func TestAFeedIsBounded(t *testing.T) {
	f := newFake(3, 0)
	for i := range 3 * maxHistories {
		id := sale.ID(fmt.Sprint("s", i))
		for held := range int64(3) {
			v := f.stock(id, 100, held, 0)
			f.feed.Surveyed(v)
		}
	}
	curves := 0
	for _, s := range f.feed.sales {
		if s.history != nil {
			curves++
		}
	}
	if curves != maxHistories || f.feed.listed != maxHistories {
		t.Errorf("got %d curves, counted as %d, want %d", curves, f.feed.listed, maxHistories)
	}
	for i := range 10_000 {
		f.feed.NodeFailed(sale.Node{Name: fmt.Sprint("x", i)})
		f.feed.Planned("s0", sale.Generation(i), rebalance.Low, 3)
	}
	if got := len(f.feed.site.events); got != siteEvents {
		t.Errorf("got %d events of the site, want %d", got, siteEvents)
	}
	if got := f.feed.sales["s0"].events.events; len(got) != saleEvents || got[saleEvents-1].Plan != 9_999 {
		t.Errorf("got %d events of the sale, want the last %d", len(got), saleEvents)
	}
	if len(f.feed.gone) > maxGone || f.feed.gone["x9999"].Name == "" {
		t.Errorf("got %d nodes gone, want at most %d and the last one", len(f.feed.gone), maxGone)
	}
	f.feed.Dropped("s1")
	f.feed.keep(func(id sale.ID) bool { return id == "s2" })
	if len(f.feed.sales) != 1 {
		t.Errorf("got %d sales, want the one that is planned", len(f.feed.sales))
	}
}

func TestACurveSpansASaleInFewPoints(t *testing.T) {
	var c curve
	begin := time.Unix(1_000_000, 0)
	for i := range 24 * 60 * 60 * 5 { // a day, five surveys a second
		c.add(begin.Add(time.Duration(i)*200*time.Millisecond), sale.Counters{Remaining: int64(i)})
		if len(c.points) > maxPoints {
			t.Fatalf("got %d points, want at most %d", len(c.points), maxPoints)
		}
	}
	if !c.points[0].at.Equal(begin) || len(c.points) < maxPoints/2 {
		t.Errorf("got %d points from %v, want half of %d or more, from the beginning", len(c.points), c.points[0].at, maxPoints)
	}
	for i := 1; i < len(c.points); i++ {
		if gap := c.points[i].at.Sub(c.points[i-1].at); gap < c.step || gap > 2*c.step {
			t.Fatalf("got points %v apart, want about %v", gap, c.step)
		}
	}
}

func TestTheHottestSalesComeFirst(t *testing.T) {
	f := newFake(1, 200)
	for i, id := range []sale.ID{"sale-0150", "sale-0199"} {
		for step := range int64(5) {
			v := f.stock(id, 10_000, step*int64(i+1), 0)
			v.Reading.At = sale.Instant(1_000_000 + step*200)
			f.survey(v)
		}
	}
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	if got := f.feed.rate("sale-0199"); got != 10 {
		t.Errorf("got %v tickets a second, want 8 in 0.8 s", got)
	}
	got := f.feed.hottest(f.all())
	if len(got) != maxListed || !slices.Equal(got[:4], []sale.ID{"sale-0199", "sale-0150", "sale-0001", "sale-0002"}) {
		t.Errorf("got %d sales, first %v, want %d, those that sell first", len(got), got[:4], maxListed)
	}
}

func TestAnswersAreAddedUpThroughRestarts(t *testing.T) {
	var a answers
	now := time.Unix(1_000_000, 0)
	a.take(now, map[string]map[string]int64{"n1": {"created": 10}, "n2": {"created": 5, "sold-out": 1}})
	a.take(now.Add(2*time.Second), map[string]map[string]int64{"n1": {"created": 14}}) // n2 has gone
	got := a.now()
	if got.Totals["created"] != 19 || got.Totals["sold-out"] != 1 || got.PerSecond["created"] != 2 {
		t.Errorf("got %+v, want 19 created, 2 a second, and 1 sold-out", got)
	}
	a.take(now.Add(3*time.Second), map[string]map[string]int64{"n1": {"created": 3}}) // it was started again
	if got := a.now(); got.Totals["created"] != 22 || got.PerSecond["created"] != 3 {
		t.Errorf("got %+v, want 22 created, 3 a second", got)
	}
	a.take(now.Add(time.Hour), map[string]map[string]int64{"n1": {"created": 4000}}) // nobody looked meanwhile
	if got := a.now(); got.Totals["created"] != 22+3997 || got.PerSecond["created"] != 0 {
		t.Errorf("got %+v, want all of them, and no rate", got)
	}
}
