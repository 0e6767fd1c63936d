package testbed_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// buyers has new buyers come one after the other, eight at a time, until stopped.
func (s *site) buyers(t *testing.T, visit func(answer, error)) (stop func()) {
	t.Helper()
	var next atomic.Int64
	var done atomic.Bool
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for !done.Load() {
				visit(s.try(http.MethodPost, "/v1/sales/demo/orders", fmt.Sprintf("buyer-%d", next.Add(1)), `{"quantity":1}`))
			}
		})
	}
	stop = func() {
		done.Store(true)
		group.Wait()
	}
	t.Cleanup(stop) // before the site goes, should the test fail
	return stop
}

// P8: Redis away is never "sold out", and service resumes by itself.
func TestRedisKilledAndRestarted(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 1_000_000, time.Minute)
	var acked, away, wrong atomic.Int64
	stop := s.buyers(t, func(a answer, err error) {
		switch {
		case err != nil || a.code != "" && a.code != "store-unavailable" && a.code != "outcome-unknown" && a.code != "busy":
			wrong.Add(1)
			t.Errorf("got %+v, %v", a, err)
		case a.status == http.StatusCreated || a.status == http.StatusOK:
			acked.Add(1)
		case a.code == "store-unavailable":
			away.Add(1)
		}
	})
	await.Within(t, 10*time.Second, "tickets sell", func() bool { return acked.Load() > 200 })
	if err := s.Redis.Kill(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 5*time.Second, "buyers get store-unavailable", func() bool { return away.Load() > 0 })
	for _, n := range s.Nodes {
		await.Within(t, 5*time.Second, n.Name+" is unready", func() bool { return !ready(n) })
	}
	if err := s.Redis.Restart(s.ctx); err != nil {
		t.Fatal(err)
	}
	before := acked.Load()
	took := await.Within(t, 5*time.Second, "tickets sell again", func() bool { return acked.Load() > before+200 })
	stop()
	t.Logf("200 tickets were sold %v after redis came back", took)
	if sold := s.audit(t).Sold(); sold < acked.Load() {
		t.Errorf("got %d orders in Redis, want at least the %d acknowledged", sold, acked.Load())
	}
}

func ready(n *testbed.Member) bool {
	r, err := http.Get("http://" + n.Admin + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// A node that leaves on purpose and a node that crashes are both invisible.
func TestNodesComeAndGoUnnoticed(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1})
	s.open(t, 1_000_000, time.Minute)
	var acked atomic.Int64
	stop := s.buyers(t, func(a answer, err error) {
		if err != nil || a.status != http.StatusCreated && a.status != http.StatusOK {
			t.Errorf("got %+v, %v, want an order", a, err)
		}
		acked.Add(1)
	})
	more := func(what string) {
		t.Helper()
		before := acked.Load()
		await.Within(t, 10*time.Second, what, func() bool { return acked.Load() > before+300 })
	}
	more("tickets sell")
	if err := s.Nodes[0].Stop(10 * time.Second); err != nil {
		t.Errorf("drain: %v", err)
	}
	more("tickets sell on after a drain")
	if err := s.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	more("tickets sell on after a crash")
	if err := s.Nodes[1].Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddNode(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 15*time.Second, "the restarted node and the new one sell", func() bool { return ready(s.Nodes[1]) && ready(s.Nodes[3]) })
	more("tickets sell on after nodes came")
	stop()
	if sold := s.audit(t).Sold(); sold != acked.Load() {
		t.Errorf("got %d sold, want the %d acknowledged", sold, acked.Load())
	}
}

func TestPlanMovesToTheOtherAllocator(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 2})
	s.open(t, 1000, time.Minute)
	shares := func() int {
		v, err := s.store.Survey(s.ctx, "demo")
		if err != nil {
			t.Fatal(err)
		}
		return len(v.Shares)
	}
	await.Within(t, 5*time.Second, "a plan for two nodes", func() bool { return shares() == 2 })
	if err := s.Allocators[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	took := await.Within(t, 10*time.Second, "a plan without the dead node", func() bool { return shares() == 1 })
	t.Logf("replanned %v after allocator and node died together", took)
	if got := s.buy(t, "ann"); got.status != http.StatusCreated {
		t.Errorf("got %+v, want 201", got)
	}
}

func TestSecondNodeUnderALiveNameRefusesToStart(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1})
	out, err := exec.CommandContext(s.ctx, filepath.Join(binaries, "node"), "--name", s.Nodes[0].Name,
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--advertise", "127.0.0.1:9", "--gossip-bind", "127.0.0.1:0",
		"--token-keys", filepath.Join(s.Dir, "keys.json"), "--redis-addr", s.Redis.Addr()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "held by another live instance") {
		t.Errorf("got %v, want a refusal that names the cause:\n%s", err, out)
	}
	if !ready(s.Nodes[0]) {
		t.Error("the first node is not ready any more")
	}
}

// A node that was stopped for longer than it takes to declare it dead.
func TestPausedNodeComesBack(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1})
	s.open(t, 1_000_000, time.Minute)
	planned := func(name string) bool {
		v, err := s.store.Survey(s.ctx, "demo")
		if err != nil {
			t.Fatal(err)
		}
		for _, share := range v.Shares {
			if share.Node == name {
				return true
			}
		}
		return false
	}
	n := s.Nodes[1]
	await.Within(t, 5*time.Second, "a plan", func() bool { return planned(n.Name) })
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Logf("planned around after %v", await.Within(t, 5*time.Second, "a plan without the paused node", func() bool { return !planned(n.Name) }))
	for i := range 50 {
		if got := s.buy(t, fmt.Sprintf("buyer-%d", i)); got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201 without the paused node", got)
		}
	}
	time.Sleep(4 * time.Second) // past the life of its name, too
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	t.Logf("planned for again after %v", await.Within(t, 10*time.Second, "a plan with the node again", func() bool { return planned(n.Name) }))
	if got := s.ask(t, http.MethodPost, "http://"+n.Listen+"/v1/sales/demo/orders", "direct", `{"quantity":1}`); got.status != http.StatusCreated {
		t.Errorf("asked directly: got %+v, want 201", got)
	}
	if sold := s.audit(t).Sold(); sold != 51 {
		t.Errorf("got %d sold, want 51", sold)
	}
}

// Lost data is no news that the sale is over.
func TestMissingSaleKey(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1})
	s.open(t, 10, time.Minute)
	config := remotestock.DefaultConfig(s.Redis.Addr())
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	key := remotestock.Keys("demo")[0]
	dump, err := client.Dump(s.ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Del(s.ctx, key).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.buy(t, "ann"); got.code != "store-unavailable" {
		t.Errorf("got %+v, want store-unavailable", got)
	}
	const order = "/orders/0192f0c1-0000-7000-8000-000000000000"
	for _, path := range []string{"/orders/mine", order} {
		if got := s.ask(t, http.MethodGet, "/v1/sales/demo"+path, "ann", ""); got.code != "store-unavailable" {
			t.Errorf("%s: got %+v, want store-unavailable", path, got)
		}
	}
	// Operators get Redis's answer, to a read as to a refund.
	for method, path := range map[string]string{http.MethodGet: order, http.MethodPost: order + "/refund"} {
		if _, err := s.AdminCall(s.ctx, method, "/admin/v1/sales/demo"+path, nil); err == nil || !strings.Contains(err.Error(), "sale-unknown") {
			t.Errorf("operator's %s: got %v, want sale-unknown", method, err)
		}
	}
	if !ready(s.Nodes[0]) {
		t.Error("one broken sale takes the node out of the upstream")
	}
	if err := client.Restore(s.ctx, key, 0, dump).Err(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 3*time.Second, "it sells again", func() bool { return s.buy(t, "ann").status == http.StatusCreated })
	if sold := s.audit(t).Sold(); sold != 1 {
		t.Errorf("got %d sold, want 1", sold)
	}
}

// A stalled Redis leaves outcomes unknown; they are decided once, all the same.
func TestRedisStalls(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 1_000_000, time.Minute)
	var acked atomic.Int64
	stop := s.buyers(t, func(a answer, err error) {
		switch {
		case err != nil || a.code == "sold-out":
			t.Errorf("got %+v, %v", a, err)
		case a.order != "":
			acked.Add(1)
		}
	})
	await.Within(t, 10*time.Second, "tickets sell", func() bool { return acked.Load() > 100 })
	for range 3 {
		if err := s.Redis.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(800 * time.Millisecond)
		if err := s.Redis.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		before := acked.Load()
		await.Within(t, 10*time.Second, "tickets sell again", func() bool { return acked.Load() > before+50 })
	}
	stop()
	if sold := s.audit(t).Sold(); sold < acked.Load() {
		t.Errorf("got %d orders in Redis, want at least the %d acknowledged", sold, acked.Load())
	}
}
