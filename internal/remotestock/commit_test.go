package remotestock_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// soldOut is the raw reply of a deduct that refuses every claim.
func soldOut(args []string) string {
	claims := len(args) - ownArguments
	return headed("outcomes", strings.Repeat("s", claims), "details", []any{}, "hold", 600_000)
}

// TestBatchesAndFlightsAreBounded: while the server holds its replies, claims
// gather; no call carries more than Batch, and no more than Calls are under way.
func TestBatchesAndFlightsAreBounded(t *testing.T) {
	const batch, calls, claims = 8, 3, 200
	release := make(chan struct{})
	var flying, most atomic.Int64
	f := startFake(t, func(args []string) string {
		n := flying.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		defer flying.Add(-1)
		return soldOut(args)
	})
	var mu sync.Mutex
	var sizes []int
	s, _ := hooked(t, f.addr(), remotestock.Hooks{Called: func(_ string, claims int, _ time.Duration, _ error) {
		mu.Lock()
		sizes = append(sizes, claims)
		mu.Unlock()
	}}, func(c *remotestock.Config) { c.Call, c.Patience = 20*time.Second, time.Minute })
	c := committer(t, s, "s", func(c *remotestock.CommitConfig) { c.Batch, c.Calls = batch, calls })
	var answers []<-chan decided
	for range claims {
		answers = append(answers, decide(c, claim("ann", 1)))
	}
	await.Until(t, "every call under way", func() bool { return flying.Load() == calls })
	close(release)
	for _, a := range answers {
		if got := <-a; got.err != nil || got.decision.Outcome != sale.SoldOut {
			t.Fatalf("got %v, %v, want sold-out", got.decision.Outcome, got.err)
		}
	}
	c.Wait()
	if most.Load() != calls {
		t.Errorf("got %d calls under way at most, want %d", most.Load(), calls)
	}
	sum := 0
	for _, n := range sizes {
		if sum += n; n > batch {
			t.Errorf("got a call with %d claims, want at most %d", n, batch)
		}
	}
	if sum != claims {
		t.Errorf("got %d claims sent, want each of %d once", sum, claims)
	}
	if len(sizes) > claims/2 {
		t.Errorf("got %d calls for %d claims, want claims to gather", len(sizes), claims)
	}
}

func TestFullQueueAnswersBusyAtOnce(t *testing.T) {
	release := make(chan struct{})
	var sent atomic.Int64
	f := startFake(t, func(args []string) string {
		sent.Add(1)
		<-release
		return soldOut(args)
	})
	s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.Call, c.Patience = 20*time.Second, time.Minute })
	c := committer(t, s, "s", func(c *remotestock.CommitConfig) { c.Batch, c.Calls, c.Queue = 1, 1, 3 })
	answers := []<-chan decided{decide(c, claim("ann", 1))}
	await.Until(t, "the first claim under way", func() bool { return sent.Load() == 1 })
	// Three more fit into the queue; the fifth does not, whichever it is.
	for range 4 {
		answers = append(answers, decide(c, claim("bob", 1)))
	}
	busy := 0
	merged := make(chan decided, len(answers))
	for _, a := range answers {
		go func() { merged <- <-a }()
	}
	if got := <-merged; got.err != nil || got.decision.Outcome != sale.Busy {
		t.Errorf("got %v, %v while nothing moved, want busy", got.decision.Outcome, got.err)
	} else {
		busy++
	}
	close(release)
	for range len(answers) - 1 {
		if got := <-merged; got.err != nil || got.decision.Outcome != sale.SoldOut {
			t.Errorf("got %v, %v, want sold-out", got.decision.Outcome, got.err)
		}
	}
	if busy != 1 || sent.Load() != 4 {
		t.Errorf("got %d busy and %d sent, want 1 and 4", busy, sent.Load())
	}
}

// TestClaimsDoNotWaitInTheQueueForEver: with a slow Redis a claim may stand in
// the queue for longer than its buyer waits. It is then answered unsent.
func TestClaimsDoNotWaitInTheQueueForEver(t *testing.T) {
	const slow = 50 * time.Millisecond
	f := startFake(t, func(args []string) string {
		time.Sleep(slow) // a slow disk
		return soldOut(args)
	})
	var mu sync.Mutex
	var waits []time.Duration
	s, _ := hooked(t, f.addr(), remotestock.Hooks{Queued: func(waited time.Duration) {
		mu.Lock()
		waits = append(waits, waited)
		mu.Unlock()
	}}, func(c *remotestock.Config) { c.Call, c.Patience = 10*time.Second, 300*time.Millisecond })
	c := committer(t, s, "s", func(c *remotestock.CommitConfig) { c.Batch, c.Calls = 1, 1 })
	var answers []<-chan decided
	for range 100 {
		answers = append(answers, decide(c, claim("ann", 1)))
	}
	decidedAtAll, unsent := 0, 0
	for _, a := range answers {
		switch got := <-a; {
		case got.err == nil:
			decidedAtAll++
		case errors.Is(got.err, sale.ErrUnavailable) && !errors.Is(got.err, sale.ErrUnknown):
			unsent++
		default:
			t.Errorf("got %v, want a decision or ErrUnavailable", got.err)
		}
	}
	// A hundred calls one after the other would take five seconds.
	if decidedAtAll == 0 || unsent < 50 {
		t.Errorf("got %d decided and %d unsent, want the first few decided and most unsent", decidedAtAll, unsent)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(waits) != decidedAtAll || slices.Min(waits) < 0 || slices.Max(waits) < slow {
		t.Errorf("got waits %v, want one for each of the %d claims sent, and some as long as a call", waits, decidedAtAll)
	}
}

func TestCommitConfigReportsEveryFault(t *testing.T) {
	if err := remotestock.DefaultCommitConfig().Validate(); err != nil {
		t.Fatalf("default: %v", err)
	}
	for _, change := range []func(*remotestock.CommitConfig){
		func(c *remotestock.CommitConfig) { c.Batch = 0 },
		func(c *remotestock.CommitConfig) { c.Batch = 1001 },
		func(c *remotestock.CommitConfig) { c.Calls = 0 },
		func(c *remotestock.CommitConfig) { c.Queue = 0 },
	} {
		c := remotestock.DefaultCommitConfig()
		if change(&c); c.Validate() == nil {
			t.Errorf("got no fault of %+v", c)
		}
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	if err := remotestock.DefaultConfig("127.0.0.1:6379").Validate(); err != nil {
		t.Fatalf("default: %v", err)
	}
	for _, change := range []func(*remotestock.Config){
		func(c *remotestock.Config) { c.Patience = 0 },
		func(c *remotestock.Config) { c.Pause = 0 },
		func(c *remotestock.Config) { c.Call = 0 },
		func(c *remotestock.Config) { c.Dial = c.Call + 1 },
	} {
		c := remotestock.DefaultConfig("127.0.0.1:6379")
		if change(&c); c.Validate() == nil {
			t.Errorf("got no fault of %+v", c)
		}
	}
}

// TestTwoNodesSellExactlyTheTotal: two hundred buyers at once on two nodes,
// most of whom come twice, on both.
func TestTwoNodesSellExactlyTheTotal(t *testing.T) {
	const total, buyers = 150, 200
	a, _ := newStore(t, server.Addr(), "n1", patience(time.Minute))
	b, _ := newStore(t, server.Addr(), "n2", patience(time.Minute))
	d := newSale("two-nodes", total)
	open(t, a, d)
	nodes := []*remotestock.Committer{committer(t, a, d.ID), committer(t, b, d.ID)}
	var held, soldOut atomic.Int64
	var group sync.WaitGroup
	for i := range buyers {
		group.Go(func() {
			for n := range 3 {
				got, err := nodes[(i+n)%2].Decide(claim(fmt.Sprint("buyer-", i), 1))
				switch {
				case err != nil:
					t.Error(err)
				case got.Outcome == sale.Held:
					held.Add(1)
				case got.Outcome == sale.SoldOut:
					soldOut.Add(1)
				case got.Outcome != sale.Replayed:
					t.Errorf("got %v, want held, replayed or sold-out", got.Outcome)
				}
			}
		})
	}
	group.Wait()
	audit := wantClean(t, a, d.ID)
	if held.Load() != total || audit.Sold() != total || soldOut.Load() != 3*(buyers-total) {
		t.Errorf("got %d held, %d in the books, %d sold-out, want %d, %d, %d",
			held.Load(), audit.Sold(), soldOut.Load(), total, total, 3*(buyers-total))
	}
}

// TestMaximalBatchFits: a thousand claims a call stay below what Lua unpacks.
func TestMaximalBatchFits(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1", func(c *remotestock.Config) { c.Call = 10 * time.Second })
	d := newSale("maximal", 5000)
	open(t, s, d)
	claims := make([]sale.Claim, 1000)
	for i := range claims {
		claims[i] = claim(fmt.Sprint("buyer-", i), 4)
	}
	got, err := committer(t, s, d.ID).DecideBatch(claims)
	if err != nil || len(got) != 1000 || got[999].Outcome != sale.Held {
		t.Fatalf("got %d decisions, %v, want a thousand held", len(got), err)
	}
}

// TestALateClaimThatMayHaveRunIsUnknown: the script compares with the earliest deadline of
// a call. A claim whose own has not passed may still be sold to by an earlier call that is
// on its way, so that "late" proves nothing.
func TestALateClaimThatMayHaveRunIsUnknown(t *testing.T) {
	const wait = 100 * time.Millisecond
	var calls atomic.Int64
	late := headed("outcomes", "l", "details", []any{}, "hold", 600_000)
	f := startFake(t, func([]string) string {
		if calls.Add(1) == 1 {
			return raw(1)
		}
		time.Sleep(2 * wait) // a slow Redis
		return late
	})
	s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.Call, c.Patience = 20*time.Second, wait })
	got, err := committer(t, s, "s").Decide(claim("ann", 1))
	if !errors.Is(err, sale.ErrUnknown) || calls.Load() != 2 {
		t.Errorf("got %v, %v after %d calls, want ErrUnknown after 2", got.Outcome, err, calls.Load())
	}
	if got, err := committer(t, s, "s").Decide(claim("bob", 1)); err != nil || got.Outcome != sale.Late {
		t.Errorf("a claim that was sent once: got %v, %v, want late", got.Outcome, err)
	}
}
