package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/process/processtest"
)

// pair is a master with a replica, and a store that waits for it.
type pair struct {
	store           *remotestock.Store
	client          redis.UniversalClient
	master, replica *process.Redis
	plain           *remotestock.Store // waits for nobody
}

func startPair(t *testing.T, change ...func(*remotestock.Config)) pair {
	t.Helper()
	p := pair{master: processtest.Redis(t)}
	p.replica = processtest.Redis(t, "--replicaof", "127.0.0.1", strconv.Itoa(p.master.Port))
	p.store, p.client = newStore(t, p.master.Addr(), "n1", append(change, func(c *remotestock.Config) { c.Replicas = 1 })...)
	p.plain, _ = newStore(t, p.master.Addr(), "n2")
	await.Until(t, "the replica follows", func() bool {
		n, err := p.client.Do(context.Background(), "wait", 1, 1000).Int()
		return err == nil && n == 1
	})
	return p
}

func (p pair) remaining(t *testing.T, id sale.ID) int64 {
	t.Helper()
	v, err := p.plain.Survey(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v.Counters.Remaining
}

// Were new claims sent on, each would be deducted on a master that may be lost, and end
// unknown, until the last ticket is gone.
func TestWithoutReplicasOneCallIsUnknownAndTheOthersAreNotSent(t *testing.T) {
	t.Parallel()
	p := startPair(t, patience(time.Second))
	open(t, p.store, newSale("s", 100))
	c := committer(t, p.store, "s")
	if d, err := c.Decide(claim("ann", 1)); err != nil || d.Outcome != sale.Held {
		t.Fatalf("with its replica: got %v, %v, want held", d.Outcome, err)
	}
	if err := p.replica.Pause(); err != nil {
		t.Fatal(err)
	}
	first := claim("bob", 1)
	unknown := decide(c, first)
	await.Until(t, "the first is deducted", func() bool { return p.remaining(t, "s") == 98 })
	time.Sleep(300 * time.Millisecond) // so that the others wait on after the first has given up
	var others []<-chan decided
	for i := range 20 {
		others = append(others, decide(c, claim(fmt.Sprint("cid", i), 1)))
	}
	if got := <-unknown; !errors.Is(got.err, sale.ErrUnknown) {
		t.Errorf("first: got %v, %v, want ErrUnknown", got.decision.Outcome, got.err)
	}
	for _, other := range others {
		if got := <-other; got.err == nil {
			t.Errorf("%s: got %v, want an error", got.claim.Buyer, got.decision.Outcome)
		}
	}
	// Once the first has given up, one of them finds out whether replicas confirm again.
	if got := p.remaining(t, "s"); got != 97 {
		t.Errorf("got %d remaining, want 97: one new claim is sent, the others wait for what becomes of it", got)
	}
	if err := p.replica.Resume(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "claims are decided again", func() bool {
		d, err := c.Decide(claim("dan", 1))
		return err == nil && (d.Outcome == sale.Held || d.Outcome == sale.Replayed)
	})
	first.Deadline = sale.Instant(time.Now().Add(5 * time.Second).UnixMilli())
	if d, err := c.Decide(first); err != nil || d.Outcome != sale.Replayed || d.Order.ID != first.Order {
		t.Errorf("the unknown one sent again: got %+v, %v, want its order", d, err)
	}
	wantClean(t, p.plain, "s")
}

// Since Redis 7.2 only a connection that has written is waited for: an answer from what is
// there would count without a replica.
func TestWhatIsThereIsAnsweredOnceAReplicaHasIt(t *testing.T) {
	t.Parallel()
	p := startPair(t, patience(300*time.Millisecond))
	open(t, p.store, newSale("s", 10))
	c := committer(t, p.store, "s")
	if d, err := c.Decide(claim("ann", 1)); err != nil || d.Outcome != sale.Held {
		t.Fatalf("got %v, %v, want held", d.Outcome, err)
	}
	if o, err := p.store.OrderOf(context.Background(), "s", "ann"); err != nil || o.Buyer != "ann" {
		t.Fatalf("mine: got %+v, %v, want the order", o, err)
	}
	if err := p.replica.Pause(); err != nil {
		t.Fatal(err)
	}
	defer p.replica.Resume()
	if o, err := p.store.OrderOf(context.Background(), "s", "ann"); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("mine: got %+v, %v, want ErrUnavailable", o, err)
	}
	if d, err := c.Decide(claim("ann", 1)); !errors.Is(err, sale.ErrUnknown) {
		t.Errorf("bought again: got %v, %v, want ErrUnknown", d.Outcome, err)
	}
	if _, err := p.store.Page(context.Background(), "s", "", 10); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("what the ledger commits: got %v, want ErrUnavailable", err)
	}
}

// The WAIT behind a script that did not run confirms nothing.
func TestAScriptThatRedisForgotIsWaitedForAgain(t *testing.T) {
	t.Parallel()
	p := startPair(t, patience(300*time.Millisecond))
	open(t, p.store, newSale("s", 10))
	c := committer(t, p.store, "s")
	for _, buyer := range []string{"ann", "bob"} {
		if err := p.client.ScriptFlush(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		if d, err := c.Decide(claim(buyer, 1)); err != nil || d.Outcome != sale.Held {
			t.Fatalf("%s: got %v, %v, want held", buyer, d.Outcome, err)
		}
	}
	if err := p.replica.Pause(); err != nil {
		t.Fatal(err)
	}
	defer p.replica.Resume()
	p.client.ScriptFlush(context.Background())
	if d, err := c.Decide(claim("cid", 1)); !errors.Is(err, sale.ErrUnknown) {
		t.Errorf("without its replica: got %v, %v, want ErrUnknown", d.Outcome, err)
	}
}

func TestMinReplicasToWriteMustBeAsHighAsTheReplicasWaitedFor(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	ctx := context.Background()
	if err := p.store.CheckReplicas(ctx); !errors.Is(err, remotestock.ErrMinReplicas) {
		t.Errorf("at 0: got %v, want ErrMinReplicas", err)
	}
	if err := p.client.ConfigSet(ctx, "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := p.store.CheckReplicas(ctx); err != nil {
		t.Errorf("at 1: got %v, want no error", err)
	}
	if err := p.plain.CheckReplicas(ctx); err != nil {
		t.Errorf("without replicas: got %v, want no error", err)
	}
}

// A master that is lost takes nothing with it that was answered.
func TestAPromotedReplicaHasAllThatWasAnswered(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	open(t, p.store, newSale("s", 1000))
	c := committer(t, p.store, "s")
	orders := map[sale.Buyer]sale.OrderID{}
	var waiting []<-chan decided
	for i := range 500 {
		waiting = append(waiting, decide(c, claim(fmt.Sprint("buyer", i), 1)))
	}
	for _, w := range waiting {
		if got := <-w; got.err == nil && got.decision.Outcome == sale.Held {
			orders[got.claim.Buyer] = got.decision.Order.ID
		}
	}
	if err := p.master.Kill(); err != nil {
		t.Fatal(err)
	}
	config := remotestock.DefaultConfig(p.replica.Addr())
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SlaveOf(context.Background(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	promoted := remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.NewNop())
	snapshot := wantClean(t, promoted, "s")
	for buyer, id := range orders {
		if snapshot.Buyers[buyer] != id {
			t.Errorf("%s: got the order %q on the promoted replica, want %s", buyer, snapshot.Buyers[buyer], id)
		}
	}
	if len(orders) < 400 {
		t.Errorf("got %d answered, want most of 500", len(orders))
	}
}

// Money that goes back was recorded without a replica, and lost with the master.
func TestAPartIsAnsweredOnceAReplicaHasIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := startPair(t, patience(300*time.Millisecond))
	open(t, p.store, newSale("s", 10))
	order := held(t, p.store, "s", 1)[0].Order
	if _, _, err := p.store.Pay(ctx, "s", 0, payment("p1", order, 4200)); err != nil {
		t.Fatal(err)
	}
	if err := p.replica.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.RefundPart(ctx, "s", order, "part", 100); !errors.Is(err, sale.ErrUnknown) {
		t.Errorf("without the replica: got %v, want ErrUnknown", err)
	}
	if err := p.replica.Resume(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "it is recorded once", func() bool {
		_, err := p.store.RefundPart(ctx, "s", order, "part", 100)
		return err == nil
	})
	wantClean(t, p.plain, "s")
}
