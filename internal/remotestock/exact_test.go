package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// TestClaimIsLateOnlyPastItsDeadline asks until calls ran in the very millisecond of a
// deadline, and in those beside it.
func TestClaimIsLateOnlyPastItsDeadline(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("late", 1_000_000))
	var at sale.Instant
	c := s.Committer("late", watcher{observe: func(r sale.Reading) { at = r.At }}, remotestock.DefaultCommitConfig())
	met := map[sale.Instant]bool{}
	for n := 0; !met[-1] || !met[0] || !met[1]; n++ {
		if n == 10_000 {
			t.Fatalf("got calls at %v ms from the deadline, want some around it", met)
		}
		mine := claim(fmt.Sprint("buyer-", n), 1)
		mine.Deadline = sale.Instant(redisTime(t, client)) + sale.Instant(n%5-1)
		got, err := c.DecideBatch([]sale.Claim{mine})
		if err != nil {
			t.Fatal(err)
		}
		want := sale.Held
		if at > mine.Deadline {
			want = sale.Late
		}
		if met[at-mine.Deadline] = true; got[0].Outcome != want {
			t.Errorf("%+d ms from the deadline: got %v, want %v", at-mine.Deadline, got[0].Outcome, want)
		}
	}
}

// TestAClaimIsNotLateByAnothersDeadline: the script compares with the earliest deadline
// of a call. Who shares a call with a late claim is sent again, and sold to.
func TestAClaimIsNotLateByAnothersDeadline(t *testing.T) {
	r := processtest.Redis(t)
	var mu sync.Mutex
	var sizes []int
	s, _ := hooked(t, r.Addr(), remotestock.Hooks{Called: func(_ string, claims int, _ time.Duration, _ error) {
		mu.Lock()
		defer mu.Unlock()
		if claims > 0 {
			sizes = append(sizes, claims)
		}
	}}, func(c *remotestock.Config) { c.Call, c.Patience = time.Minute, time.Minute })
	open(t, s, newSale("s", 10))
	c := committer(t, s, "s")
	if err := r.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	first := decide(c, claim("ann", 1)) // the others gather behind it
	await.Until(t, "the first claim under way", func() bool { return c.Queued() == 0 })
	late := claim("bob", 1)
	late.Deadline = 1
	answers := []<-chan decided{decide(c, late), decide(c, claim("cid", 1)), decide(c, claim("dee", 1))}
	await.Until(t, "the others waiting", func() bool { return c.Queued() == len(answers) })
	if err := r.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := <-first; got.err != nil || got.decision.Outcome != sale.Held {
		t.Errorf("first: got %v, %v, want held", got.decision.Outcome, got.err)
	}
	for i, want := range []sale.Outcome{sale.Late, sale.Held, sale.Held} {
		if got := <-answers[i]; got.err != nil || got.decision.Outcome != want {
			t.Errorf("claim %d: got %v, %v, want %v", i, got.decision.Outcome, got.err, want)
		}
	}
	c.Wait()
	if want := []int{1, 3, 2}; !slices.Equal(sizes, want) {
		t.Errorf("got calls of %v claims, want %v", sizes, want)
	}
}

// TestWindowIsHalfOpen: a sale sells from the very millisecond of opens up to,
// and not at, that of closes. It asks until the clock has passed the edge, and
// opens another sale where no call met the edge itself.
func TestWindowIsHalfOpen(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	for _, edge := range []string{"opens", "closes"} {
		t.Run(edge, func(t *testing.T) {
			met := false
			for n := 0; !met; n++ {
				if n == 100 {
					t.Fatal("no call ran in the millisecond of the edge")
				}
				at := sale.Instant(redisTime(t, client)) + 5
				d := newSale(fmt.Sprintf("window-%s-%d", edge, n), 1000)
				before, after := sale.Granted, sale.GrantClosed
				if d.Closes = at; edge == "opens" {
					d.Opens, d.Closes = at, 0
					before, after = sale.GrantNotOpen, sale.Granted
				}
				open(t, s, d)
				met = pass(t, s, d.ID, at, before, after)
			}
		})
	}
}

// pass refills until Redis time is past the edge, and reports whether a call ran
// in its very millisecond.
func pass(t *testing.T, s *remotestock.Store, id sale.ID, edge sale.Instant, before, after sale.GrantResult) (met bool) {
	t.Helper()
	for {
		g, err := s.Refill(context.Background(), id, 0, 100, 1, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := before
		if g.Reading.At >= edge {
			want = after
		}
		if g.Result != want {
			t.Errorf("%+d ms from the edge: got %v, want %v", g.Reading.At-edge, g.Result, want)
		}
		if met = met || g.Reading.At == edge; g.Reading.At > edge {
			return met
		}
	}
}

func TestClosingAndReopeningStandInTheStream(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("events", 10))
	for _, closed := range []bool{true, true, false, false} {
		if err := s.SetClosed(ctx, "events", closed); err != nil {
			t.Fatal(err)
		}
	}
	var kinds []string
	for _, e := range client.XRange(ctx, remotestock.Keys("events")[5], "-", "+").Val() {
		kind, _, _ := strings.Cut(fmt.Sprint(e.Values["sale"]), " ")
		kinds = append(kinds, kind)
	}
	if want := []string{"opened", "closed", "reopened"}; !slices.Equal(kinds, want) {
		t.Errorf("got the events %v, want %v", kinds, want)
	}
}

// TestReplyCarriesWhatIsLeftAfterIt: a node learns that it has just sold the last
// ticket from the very reply that sold it.
func TestReplyCarriesWhatIsLeftAfterIt(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("left", 5))
	var left []int64
	c := s.Committer("left", watcher{observe: func(r sale.Reading) { left = append(left, r.Remaining) }}, remotestock.DefaultCommitConfig())
	for i, quantity := range []int{2, 3} {
		if got, err := c.Decide(claim(fmt.Sprint("buyer-", i), quantity)); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
	}
	if len(left) != 2 || left[0] != 3 || left[1] != 0 {
		t.Errorf("got readings of %v left, want 3 and 0", left)
	}
}

func TestClaimsUnderAnOlderPlanAreNotCounted(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("older", 50))
	write := func(token sale.Generation) sale.Generation {
		survey, err := s.Survey(ctx, "older")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.WritePlan(ctx, "older", token, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 10, Buffer: 3}})
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	older := write(1)
	newer := write(2)
	for i, known := range []sale.Generation{older, newer, 0, newer, newer} {
		c := s.Committer("older", planWatcher{known}, remotestock.DefaultCommitConfig())
		if got, err := c.Decide(claim(fmt.Sprint("buyer-", i), 4)); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
	}
	survey, err := s.Survey(ctx, "older")
	if err != nil || len(survey.Shares) != 1 || survey.Shares[0].Claimed != 12 {
		t.Errorf("got shares %+v, %v, want 12 claimed under the newer plan", survey.Shares, err)
	}
	// Twelve claims used up the slice of ten and two of the buffer.
	if _, r, err := s.Read(ctx, "older", 0); err != nil || r.Allotment != (sale.Allotment{Generation: newer, Buffer: 1}) {
		t.Errorf("got %+v, %v, want a buffer of 1", r.Allotment, err)
	}
	// The next plan counts anew.
	newest := write(3)
	if _, r, err := s.Read(ctx, "older", 0); err != nil || r.Allotment != (sale.Allotment{Generation: newest, Slice: 10, Buffer: 3}) {
		t.Errorf("got %+v, %v, want the whole share", r.Allotment, err)
	}
}

// TestMalformedCallsWriteNothing: the scripts trust no caller.
func TestMalformedCallsWriteNothing(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	order := overdueSale(t, s, client, "s")
	before := dump(t, client)
	errs := map[string]error{}
	for name, quantity := range map[string]int{"above the limit": 5, "zero": 0, "negative": -1} {
		_, errs["claim "+name] = committer(t, s, "s").Decide(claim("bob", quantity))
	}
	_, errs["claim without buyer"] = committer(t, s, "s").Decide(claim("", 1))
	_, errs["claim without order"] = committer(t, s, "s").Decide(sale.Claim{Buyer: "bob", Quantity: 1})
	far := claim("bob", 1)
	far.Deadline += 60_000
	_, errs["claim with a far deadline"] = committer(t, s, "s").Decide(far)
	_, errs["claim of an order that no node made"] = committer(t, s, "s").Decide(sale.Claim{Order: "order-1", Buyer: "bob", Quantity: 1})
	_, _, _, errs["expire none"] = s.Expire(ctx, "s", 0, 0)
	_, _, _, errs["expire too many"] = s.Expire(ctx, "s", 0, 1001)
	_, errs["refill by none"] = s.Refill(ctx, "s", 0, 100, 0, 1, 1)
	_, errs["refill above all weights"] = s.Refill(ctx, "s", 0, 100, 1, 2, 1)
	_, errs["restock by nothing"] = s.Restock(ctx, "s", 0, "k")
	_, errs["restock without key"] = s.Restock(ctx, "s", 1, "")
	_, errs["plan without shares"] = s.WritePlan(ctx, "s", 1, 1, nil)
	_, errs["plan with a negative share"] = s.WritePlan(ctx, "s", 1, 1, []sale.Share{{Node: "n1", Slice: -1}})
	for name, err := range errs {
		if !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
	}
	if _, err := s.Restock(ctx, "s", sale.MaxTotal, "k"); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("restock above the largest total: got %v, want ErrConflict", err)
	}
	if _, _, err := s.Cancel(ctx, "s", 0, order, "mallory"); !errors.Is(err, sale.ErrNoOrder) {
		t.Errorf("a stranger's cancel: got %v, want ErrNoOrder", err)
	}
	wantUnchanged(t, client, before)
}
