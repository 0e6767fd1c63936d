package membership

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// register is a registry that a test fills.
type register struct {
	mu    sync.Mutex
	nodes map[string]string
	err   error
}

func (r *register) Nodes(context.Context) (map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.nodes), r.err
}

func (r *register) set(change func(nodes map[string]string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.nodes)
}

// registers has a member ask the registry.
func registers(r Registry) func(*Gossip) {
	return func(g *Gossip) { g.members = newMembers(g.cfg, r, g.news) }
}

// One forged packet kept a node out of every view for a minute: memberlist can't contradict the highest incarnation. A late one,
// of a member whose network comes back, did so for 0.6 s.
func TestAMemberThatAnswersStaysInTheViewWhateverIsGossipedOfIt(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 4)
	send := foreigner(t)
	var missed sync.Map
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			for _, m := range nodes {
				if len(m.View()) != 4 {
					missed.Store(m.cfg.Name, names(m.View()))
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	for round := range 20 {
		for _, m := range nodes {
			incarnation := []uint32{math.MaxUint32, math.MaxUint32 - 1, uint32(round), 1 << 30}[round%4]
			send(m, accusation(deadMessage, "n1", "n2", incarnation))
			send(m, accusation(deadMessage, "n1", "n1", incarnation)) // "it has left"
			for _, from := range []string{"n0", "n2", "n3", "forger"} {
				send(m, accusation(suspectMessage, "n3", from, incarnation))
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	close(stop)
	watching.Wait()
	missed.Range(func(who, view any) bool {
		t.Errorf("%v: got a view of %v, want all four all the time", who, view)
		return true
	})
	t.Run("and its changes are accepted", func(t *testing.T) {
		nodes[1].SetReady(true)
		for _, m := range nodes {
			await.Within(t, 5*time.Second, "n1 ready", func() bool { return len(m.View()) == 4 && m.View()[1].Ready })
		}
	})
	t.Run("until it is silent", func(t *testing.T) {
		nodes[1].crash()
		for _, m := range []*testMember{nodes[0], nodes[2], nodes[3]} {
			await.Within(t, 5*time.Second, "n1 failed", func() bool { return m.received("failed n1") == 1 && len(m.View()) == 3 })
		}
	})
}

// Forged members took the probes, so that a crash was known after minutes, and their addresses froze the upstream.
func TestFifteenHundredForgedMembersChangeNoView(t *testing.T) {
	t.Parallel()
	registry := &register{nodes: map[string]string{}}
	var nodes []*testMember
	for i := range 4 {
		name := fmt.Sprint("n", i)
		registry.set(func(nodes map[string]string) { nodes[name] = "127.0.0.1:8080" })
		var seeds []string
		if i > 0 {
			seeds = append(seeds, nodes[0].LocalAddr())
		}
		nodes = append(nodes, start(t, testConfig(name, seeds...), registers(registry)))
	}
	await.Within(t, 10*time.Second, "everyone in every view", func() bool { return allSee(nodes, 4) })
	send := foreigner(t)
	forge := func(weight int) {
		for i := range 1500 {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 7946)
			m := meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: fmt.Sprintf("127.1.%d.%d:8081", i>>8, i&255), Weight: weight, Ready: true}}
			for _, to := range nodes[:3] {
				send(to, alivePacket(fmt.Sprint("forged-", i), at, m, uint32(weight)))
			}
		}
	}
	for weight := range 3 {
		forge(weight + 1)
		// A name that is known, at an address that is not its own.
		for _, to := range nodes {
			send(to, alivePacket("n9", netip.MustParseAddrPort("127.1.0.9:7946"), meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: "127.1.0.9:1", Weight: 1, Ready: true}}, 1))
		}
		time.Sleep(300 * time.Millisecond)
	}
	registry.set(func(nodes map[string]string) { nodes["n9"] = "127.0.0.9:8080" })
	for _, m := range nodes {
		if got := names(m.View()); len(got) != 4 {
			t.Errorf("%s: got a view of %d nodes, want 4", m.cfg.Name, len(got))
		}
		if got := m.count(); got > 4+maxStrangers {
			t.Errorf("%s: got %d members, want at most %d strangers", m.cfg.Name, got, maxStrangers)
		}
		if got := m.logs.FilterMessage("gossip peer joined").Len(); got > 8 {
			t.Errorf("%s: got %d lines about members that joined, want none of strangers", m.cfg.Name, got)
		}
	}
	registry.set(func(nodes map[string]string) { nodes["n4"] = "127.0.0.1:8080" })
	nodes = append(nodes, start(t, testConfig("n4", nodes[0].LocalAddr()), registers(registry))) // to the end of this test, not of a part
	t.Run("a node that starts meanwhile is let in", func(t *testing.T) {
		await.Within(t, 5*time.Second, "the fifth in every view", func() bool { return allSee(nodes, 5) })
	})
	t.Run("and a crash is known soon", func(t *testing.T) {
		nodes[3].crash()
		begin := time.Now()
		await.Within(t, 15*time.Second, "the crash known", func() bool {
			for _, m := range []*testMember{nodes[0], nodes[1], nodes[2], nodes[4]} {
				if m.received("failed n3") != 1 || len(m.View()) != 4 {
					return false
				}
			}
			return true
		})
		t.Logf("known after %v", time.Since(begin))
	})
}

func TestNoPlanIsMadeForAPartOfTheNodes(t *testing.T) {
	t.Parallel()
	registry := &register{nodes: map[string]string{"n0": "127.0.0.1:8080", "n1": "127.0.0.1:8080"}}
	n0 := start(t, testConfig("n0"), registers(registry))
	cfg := testConfig("a", n0.LocalAddr())
	cfg.Role, cfg.Node, cfg.Settle = RoleAllocator, sale.Node{}, time.Second
	a := start(t, cfg, registers(registry))
	await.Within(t, 5*time.Second, "n0 known", func() bool { return len(*a.members.view.Load()) == 1 })
	begin := time.Now()
	if got := a.View(); len(got) != 0 {
		t.Errorf("got a view of %v, want none while n1 is registered and has not joined", names(got))
	}
	t.Run("until it has waited long enough", func(t *testing.T) {
		await.Within(t, 5*time.Second, "n0 in the view", func() bool { return len(a.View()) == 1 })
		if took := time.Since(begin); took < 300*time.Millisecond {
			t.Errorf("got a view after %v, want one after some %v", took, cfg.Settle)
		}
	})
	t.Run("or everybody is there", func(t *testing.T) {
		start(t, testConfig("n1", n0.LocalAddr()), registers(registry))
		cfg.Name, cfg.Settle = "b", time.Minute
		b := start(t, cfg, registers(registry))
		seen := 0
		await.Within(t, 5*time.Second, "both in the view", func() bool {
			if n := len(b.View()); n > 0 && seen == 0 {
				seen = n
			}
			return len(b.View()) == 2
		})
		if seen != 2 {
			t.Errorf("got a first view of %d nodes, want both", seen)
		}
	})
	t.Run("and not without Redis", func(t *testing.T) {
		cfg.Name, cfg.Settle = "c", time.Millisecond
		away := &register{err: errors.New("away")}
		c := start(t, cfg, registers(away))
		await.Within(t, 5*time.Second, "members known", func() bool { return c.count() > 2 })
		if got := c.View(); len(got) != 0 {
			t.Errorf("got %v, want no node: the registry has not answered", names(got))
		}
	})
}

func TestAddressesOutsideTheNetworksAreNotBelieved(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2)
	send := foreigner(t)
	bad := []struct{ gossip, buyers string }{
		{"127.0.0.5:7946", "203.0.113.7:80"}, {"127.0.0.5:7946", "[2001:db8::1]:80"}, {"127.0.0.5:7946", "metadata.internal:80"},
		{"127.0.0.5:7946", "0.0.0.0:80"}, {"127.0.0.5:7946", "169.254.169.254:80"}, {"203.0.113.7:7946", "127.0.0.5:80"},
		{"127.0.0.5:7946", "[::ffff:203.0.113.7]:80"},
	}
	for i, b := range bad {
		message := alivePacket(fmt.Sprint("bad-", i), netip.MustParseAddrPort(b.gossip), meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: b.buyers, Weight: 1, Ready: true}}, 1)
		send(nodes[0], message)
	}
	good := meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: "10.1.2.3:80", Weight: 1, Ready: true}}
	send(nodes[0], alivePacket("good", netip.MustParseAddrPort("127.0.0.5:7946"), good, 1))
	await.Within(t, 5*time.Second, "the one that is within", func() bool { return len(nodes[0].View()) == 3 })
	want := sale.Node{Name: "good", Address: "10.1.2.3:80", Weight: 1, Ready: true}
	if v := nodes[0].View(); v[0] != want {
		t.Errorf("got %+v, want only %+v beside the nodes", v, want)
	}
}

func TestGossipWithoutAKeyStaysOnLoopback(t *testing.T) {
	for bind, want := range map[string]bool{
		"127.0.0.1:7946": true, "127.9.9.9:0": true, "[::1]:7946": true, "[::ffff:127.0.0.1]:7946": true,
		"0.0.0.0:7946": false, ":7946": false, "10.0.0.1:7946": false, "[fd00::1]:7946": false, "192.0.2.1:0": false,
	} {
		c := testConfig("a")
		c.Bind = bind
		_, err := New(c, nil, zap.NewNop(), Hooks{})
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "--gossip-key-file") {
			t.Errorf("%s: got %v, want it accepted: %v, or the flags to use", bind, err, want)
		}
		c.Keys = Keys{make([]byte, 32)}
		if err := c.Validate(); err != nil {
			t.Errorf("%s with a key: got %v, want it accepted", bind, err)
		}
		c.Keys, c.Insecure = nil, true
		if err := c.Validate(); err != nil {
			t.Errorf("%s, insecure on purpose: got %v, want it accepted", bind, err)
		}
	}
	c := testConfig("a")
	c.Node.Address, c.Networks = "10.0.0.1:8081", []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--gossip-networks") {
		t.Errorf("an own address that no member would believe: got %v, want an error that names the flag", err)
	}
}

// count is how many members are known, of any kind.
func (m *testMember) count() int {
	m.members.mu.Lock()
	defer m.members.mu.Unlock()
	return len(m.members.byName)
}
