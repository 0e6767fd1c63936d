package membership

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

func TestViewListsLiveNodesSortedAndNoAllocators(t *testing.T) {
	t.Parallel()
	b := start(t, testConfig("b"))
	a := start(t, testConfig("a", b.LocalAddr()))
	cfg := testConfig("allocator-1", b.LocalAddr())
	cfg.Role, cfg.Node = RoleAllocator, sale.Node{}
	allocator := start(t, cfg)

	want := []string{"a", "b"}
	for _, m := range []*testMember{a, b, allocator} {
		await.Within(t, 5*time.Second, "both nodes in the view", func() bool {
			return cmp.Equal(names(m.View()), want)
		})
	}
	await.Within(t, 5*time.Second, "the allocator's arrival logged", func() bool {
		return a.logs.FilterMessage("gossip peer joined").FilterField(zap.String("peer", "allocator-1")).Len() == 1
	})
	if got := a.received("joined allocator-1"); got != 0 {
		t.Errorf("got %d hook calls for an allocator, want 0: hooks speak of nodes", got)
	}
	if got := a.received("joined a"); got != 0 {
		t.Errorf("got %d hook calls for the member itself, want 0", got)
	}
}

func TestDepartures(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 5)
	survivors := nodes[2:]

	t.Run("a member that stops has left", func(t *testing.T) {
		nodes[1].stop(t)
		for _, m := range survivors {
			await.Within(t, 5*time.Second, "n1 left", func() bool { return m.received("left n1") == 1 })
		}
	})
	t.Run("a member that falls silent has failed", func(t *testing.T) {
		nodes[0].crash()
		for _, m := range survivors {
			await.Within(t, 5*time.Second, "n0 failed", func() bool { return m.received("failed n0") == 1 })
		}
	})
	t.Run("each is reported once and as nothing else", func(t *testing.T) {
		want := []string{"n2", "n3", "n4"}
		for _, m := range survivors {
			if got := names(m.View()); !cmp.Equal(got, want) {
				t.Errorf("%s: got view %v, want %v", m.cfg.Name, got, want)
			}
			if got := m.received("failed n1") + m.received("left n0"); got != 0 {
				t.Errorf("%s: got %d wrong verdicts, want 0", m.cfg.Name, got)
			}
			left := m.logs.FilterMessage("gossip peer left").Len()
			failed := m.logs.FilterMessage("gossip peer failed").Len()
			if left != 1 || failed != 1 {
				t.Errorf("%s: got %d departures and %d failures logged, want one of each", m.cfg.Name, left, failed)
			}
		}
	})
}

// Gossip is sent to members chosen at random, and all that is sent of one announcement may miss one of them.
func TestADepartureIsKnownThoughItsFirstAnnouncementIsLost(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2)
	const sent = 4 // packets of an announcement among two: memberlist's RetransmitMult
	lost := 0
	nodes[0].wire.lose(func(packet []byte) bool {
		if lost == sent || !bytes.Contains(packet, []byte(`"draining":true`)) {
			return false
		}
		lost++
		return true
	})
	nodes[1].stop(t)
	await.Within(t, 10*time.Second, "n1 gone", func() bool { return nodes[0].received("left n1")+nodes[0].received("failed n1") > 0 })
	if nodes[0].received("left n1") != 1 || lost != sent {
		t.Errorf("got it taken for failed after %d lost packets, want it left", lost)
	}
}

func TestWhatAMemberAnnouncesReachesTheOthers(t *testing.T) {
	t.Parallel()
	a := start(t, testConfig("a"))
	cfg := testConfig("b", a.LocalAddr())
	cfg.Node.Weight = 3
	b := start(t, cfg, func(g *Gossip) { g.SetReady(true) }) // before Run counts too

	sees := func(want sale.Node) {
		t.Helper()
		await.Within(t, 5*time.Second, "the others to see what was set", func() bool {
			v := a.View()
			return len(v) == 2 && v[1] == want && b.View()[len(b.View())-1] == want
		})
	}
	want := sale.Node{Name: "b", Address: "127.0.0.1:8080", Weight: 3, Ready: true}
	sees(want)

	if err := b.SetWeight(7); err != nil {
		t.Fatal(err)
	}
	want.Weight = 7
	sees(want)

	b.SetReady(false)
	want.Ready = false
	sees(want)

	b.SetReady(true)
	b.SetDraining()
	want.Ready, want.Draining = true, true
	sees(want)
	if a.View()[1].Selling() {
		t.Error("got a draining node that sells, want none")
	}
	if err := b.SetWeight(0); err == nil {
		t.Error("got weight 0 accepted, want an error: the others would ignore all of the meta")
	}
}

func TestChangedSignalsOnceForABurst(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 3)
	select {
	case <-nodes[0].Changed():
	case <-t.Context().Done():
	}
	for weight := 2; weight <= 20; weight++ {
		if err := nodes[1].SetWeight(weight); err != nil {
			t.Fatal(err)
		}
	}
	await.Within(t, 5*time.Second, "the last weight", func() bool { return nodes[0].View()[1].Weight == 20 })
	if got := len(nodes[0].Changed()); got != 1 {
		t.Errorf("got %d signals waiting, want 1", got)
	}
}

func TestViewIsNeverChangedOnceHandedOut(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2)
	before := nodes[0].View()
	want := append(sale.View(nil), before...)
	nodes[1].SetReady(true)
	await.Within(t, 5*time.Second, "n1 ready", func() bool { return nodes[0].View()[1].Ready })
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("a view changed under its reader (-want +got):\n%s", diff)
	}
}

func TestRestartElsewhereIsAcceptedOnceTheOldSelfIsKnownDead(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 4)
	old := nodes[3]
	old.crash()
	crashed := time.Now()

	cfg := testConfig("n3", nodes[0].LocalAddr())
	cfg.Node.Address = "127.0.0.1:9999"
	cfg.Rejoin = DefaultConfig().Rejoin
	again := start(t, cfg) // at once: the others still believe in the old one
	for _, m := range nodes[:3] {
		await.Within(t, 10*time.Second, "n3 at its new address", func() bool {
			v := m.View()
			return len(v) == 4 && v[3].Address == "127.0.0.1:9999"
		})
	}
	if took := time.Since(crashed); took > cfg.Rejoin {
		t.Errorf("got the new address known to all %v after the crash, want less than one Rejoin", took)
	}
	await.Within(t, 5*time.Second, "the restarted node to see everyone", func() bool { return len(again.View()) == 4 })
	if got := again.logs.FilterMessage("gossip name claimed from a second address").Len(); got != 1 {
		t.Errorf("got %d lines about the contested name, want 1", got)
	}
}

func TestRunFailsWithTheAddressItCannotHave(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := testConfig("a")
	cfg.Bind = taken.Addr().String()
	g, err := New(cfg, nil, zap.NewNop(), Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), cfg.Bind) {
		t.Errorf("got %v, want an error that names %s", err, cfg.Bind)
	}
}

func TestRunEndsInTimeThoughNobodyAnswers(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 3)
	nodes[1].crash()
	begin := time.Now()
	nodes[1].stop(t)
	if took, limit := time.Since(begin), 3*time.Second+streamTimeout; took > limit {
		t.Errorf("got an end after %v, want one within %v", took, limit)
	}
}

func TestBeforeAndAfterRunNothingBlocks(t *testing.T) {
	t.Parallel()
	g, err := New(testConfig("a"), nil, zap.NewNop(), Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.LocalAddr(); got != "" {
		t.Errorf("got address %q before Run, want none", got)
	}
	if got := len(g.View()); got != 0 {
		t.Errorf("got %d nodes before Run, want 0", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-g.Started()
	await.Within(t, 5*time.Second, "the node in its own view", func() bool { return len(g.View()) == 1 })
	cancel()
	if err := await.Return(t, done); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
	for range 10 {
		g.SetReady(true)
		g.SetReady(false)
		g.SetDraining()
	}
}
