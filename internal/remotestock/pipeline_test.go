package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

func TestReadAllIsReadOfEach(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t) // its scripts are not loaded yet
	s, client := newStore(t, r.Addr(), "n1")
	var asks []sale.Ask
	for i := range 150 {
		d := newSale(fmt.Sprintf("all-%d", i), int64(100+i))
		open(t, s, d)
		asks = append(asks, sale.Ask{ID: d.ID})
	}
	shares := []sale.Share{{Node: "n1", Slice: 60, Buffer: 40}}
	survey, err := s.Survey(ctx, "all-3")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.WritePlan(ctx, "all-3", 7, survey.Reading.Stock, shares)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(client.Del(ctx, "{all-70}").Err(), client.HSet(ctx, "{all-71}", "total", "x").Err()); err != nil {
		t.Fatal(err)
	}
	if err := client.ScriptFlush(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	for i, got := range s.ReadAll(ctx, asks) {
		id := asks[i].ID
		want, reading, err := s.Read(ctx, id, 0)
		if got.Err == nil && err == nil {
			got.Reading.Sent, got.Reading.At, reading.At = reading.Sent, 0, 0
		}
		if fmt.Sprint(got.Err) != fmt.Sprint(err) || cmp.Diff(want, got.Sale) != "" || got.Reading != reading {
			t.Errorf("%s: got %+v, want %+v, %+v, %v", id, got, want, reading, err)
		}
		if broken := id == "all-70" || id == "all-71"; broken != (got.Err != nil) {
			t.Errorf("%s: got %v", id, got.Err)
		}
		if id == "all-3" && got.Reading.Allotment != (sale.Allotment{Generation: plan, Slice: 60, Buffer: 40}) {
			t.Errorf("got the allotment %+v, want the planned one", got.Reading.Allotment)
		}
	}
	t.Run("and finds a loss", func(t *testing.T) {
		before := copyKeys(t, client, "all-5")
		if err := s.SetClosed(ctx, "all-5", true); err != nil {
			t.Fatal(err)
		}
		before.putBack(t, client, "all-5")
		if got := s.ReadAll(ctx, asks[5:6])[0].Err; !errors.Is(got, sale.ErrLost) {
			t.Errorf("got %v of a sale that went back, want ErrLost", got)
		}
	})
}

func TestReadAllOfARedisThatIsAway(t *testing.T) {
	r := processtest.Redis(t)
	s, _ := newStore(t, r.Addr(), "n1")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	ids := []sale.ID{"a", "b"}
	for _, got := range s.ReadAll(context.Background(), []sale.Ask{{ID: "a"}, {ID: "b"}}) {
		if !errors.Is(got.Err, sale.ErrUnreachable) || !errors.Is(got.Err, sale.ErrUnavailable) {
			t.Errorf("got %v, want unreachable", got.Err)
		}
	}
	if _, errs := s.Glances(context.Background(), ids); !errors.Is(errs[1], sale.ErrUnreachable) {
		t.Errorf("glance: got %v, want unreachable", errs[1])
	}
}

// A sale that looks the same is the same.
func TestGlanceChangesWithTheSale(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	d := newSale("glance", 100)
	open(t, s, d)
	glance := func() sale.Glance {
		t.Helper()
		glances, errs := s.Glances(ctx, []sale.ID{"no-such-sale", d.ID})
		if !errors.Is(errs[0], sale.ErrNoSale) || errs[1] != nil {
			t.Fatalf("got %v, want no such sale, and the sale", errs)
		}
		return glances[1]
	}
	last := glance()
	if last.Mark != s.Seen(d.ID) || last.Life == "" {
		t.Errorf("got %+v, want the mark %+v", last, s.Seen(d.ID))
	}
	c := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig())
	var order sale.OrderID
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"a hold", func() error {
			got, err := c.Decide(claim("ann", 2))
			order = got.Order.ID
			return err
		}},
		{"its cancelling", func() error { _, _, err := s.Cancel(ctx, d.ID, 0, order, "ann"); return err }},
		{"a restock", func() error { _, err := s.Restock(ctx, d.ID, 5, "key"); return err }},
		{"closing", func() error { return s.SetClosed(ctx, d.ID, true) }},
		{"a plan", func() error {
			v, err := s.Survey(ctx, d.ID)
			if err == nil {
				_, err = s.WritePlan(ctx, d.ID, 1, v.Reading.Stock, []sale.Share{{Node: "n1", Slice: 1}})
			}
			return err
		}},
		{"a loss", func() error { return s.Shut(ctx, d.ID, "for a test") }},
	} {
		if glance() != last {
			t.Errorf("before %s: got another glance though nothing happened", step.name)
		}
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		now := glance()
		if now == last {
			t.Errorf("%s: got the same glance %+v", step.name, now)
		}
		if last = now; step.name == "a hold" && now.Held != 2 {
			t.Errorf("got %d held, want 2", now.Held)
		}
	}
	if err := client.HSet(ctx, "{glance}", "seq", "many").Err(); err != nil {
		t.Fatal(err)
	}
	if _, errs := s.Glances(ctx, []sale.ID{d.ID}); !errors.Is(errs[0], remotestock.ErrReply) {
		t.Errorf("got %v of a broken sale, want ErrReply", errs[0])
	}
}

func TestFeeds(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	s, client := newStore(t, r.Addr(), "n1")
	ids, next, lost, err := s.News(ctx, 0)
	if err != nil || len(ids) != 0 || next != 0 || lost {
		t.Fatalf("got %v, %d, %v, %v, want nothing new", ids, next, lost, err)
	}
	news := func(want ...sale.ID) {
		t.Helper()
		if ids, next, lost, err = s.News(ctx, next); err != nil || lost {
			t.Fatalf("got lost %v, %v", lost, err)
		}
		slices.Sort(ids)
		if !slices.Equal(ids, want) {
			t.Errorf("got news of %v, want %v", ids, want)
		}
	}
	open(t, s, newSale("one", 10))
	open(t, s, newSale("two", 10))
	news("one", "two")
	news()
	if _, err := s.Restock(ctx, "one", 1, "key"); err != nil {
		t.Fatal(err)
	}
	news("one")
	if err := errors.Join(s.SetClosed(ctx, "two", true), s.SetClosed(ctx, "two", false)); err != nil {
		t.Fatal(err)
	}
	news("two")
	if err := change(t, s, "one", func(d *sale.Sale) { d.Title = "Postponed" }); err != nil {
		t.Fatal(err)
	}
	news("one")
	if err := change(t, s, "one", func(d *sale.Sale) { d.Currency = "USD" }); !errors.Is(err, sale.ErrConflict) {
		t.Fatal(err)
	}
	news()
	// The clock of another host is an hour ahead: what comes later is news all the same.
	ahead := next + 3_600_000
	if err := client.Do(ctx, "zadd", "onsale:news", ahead, "one").Err(); err != nil {
		t.Fatal(err)
	}
	news("one")
	open(t, s, newSale("three", 10))
	news("three")

	if err := s.Heat(ctx, []sale.ID{"one", "three"}); err != nil {
		t.Fatal(err)
	}
	hot, at, _, err := s.Hot(ctx, 0)
	if slices.Sort(hot); err != nil || !slices.Equal(hot, []sale.ID{"one", "three"}) {
		t.Errorf("got %v hot, %v, want those that were published", hot, err)
	}
	if again, _, lost, err := s.Hot(ctx, at); err != nil || lost || len(again) != 0 {
		t.Errorf("got %v hot since, lost %v, %v, want none", again, lost, err)
	}
	t.Run("lost with Redis's data", func(t *testing.T) {
		if err := client.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if _, restart, lost, err := s.News(ctx, next); err != nil || !lost || restart != 0 {
			t.Errorf("got %d, lost %v, %v, want it lost and begun anew", restart, lost, err)
		}
	})
}

// An idle node made two round trips for each poll.
func TestAPeekIsNewsAndGlancesInOneRoundTrip(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	var calls []string
	s, _ := hooked(t, r.Addr(), remotestock.Hooks{Called: func(script string, _ int, _ time.Duration, _ error) { calls = append(calls, script) }})
	ids := []sale.ID{"no-such-sale"}
	for i := range 150 { // more than a pipeline has
		d := newSale(fmt.Sprint("sale-", i), int64(100+i))
		if i%50 == 0 {
			open(t, s, d)
		}
		ids = append(ids, d.ID)
	}
	for _, n := range []int{0, 1, 63, 64, 65, 151} {
		calls = nil
		got, err := s.Peek(ctx, 0, ids[:n])
		if want := 1 + (max(n, 63)-63+63)/64; err != nil || len(calls) != want {
			t.Errorf("%d sales: got %v, %v, want %d round trips", n, calls, err, want)
		}
		news, next, lost, err := s.News(ctx, 0)
		glances, errs := s.Glances(ctx, ids[:n])
		if want := (sale.Peek{News: news, Next: next, Lost: lost, Glances: glances, Errs: errs}); err != nil ||
			!cmp.Equal(got, want, cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }), cmpopts.EquateEmpty()) {
			t.Errorf("%d sales: got %+v, %v, want %+v", n, got, err, want)
		}
		if len(got.Glances) != n || len(got.Errs) != n || n > 1 && (got.Errs[0] == nil || got.Errs[1] != nil) {
			t.Errorf("%d sales: got %d glances and %d errors", n, len(got.Glances), len(got.Errs))
		}
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Peek(ctx, 7, ids); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v of a Redis that is away, want %v", err, sale.ErrUnavailable)
	}
}
