package testbed_test

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
	"onsale/internal/upstream"
)

// Ten changes of nodes and weights. A reload closes idle connections, just as clients send on some of them.
func TestTenChangesOfNodesCostNoRequest(t *testing.T) {
	nodes := make([]sale.Node, 6)
	for i := range nodes {
		nodes[i] = standIn(t, fmt.Sprintf("n%d", i))
	}
	heavy, leaving := nodes[1], nodes[2]
	heavy.Weight, leaving.Draining = 3, true
	views := [][]sale.Node{
		nodes[:4], nodes, {nodes[0], heavy, nodes[2]}, {nodes[0], heavy, leaving}, {nodes[0], heavy},
		nodes[1:5], {heavy}, {heavy, nodes[5]}, nodes, nodes[:3],
	}
	for mode, name := range map[upstream.Mode]string{upstream.Rendered: "reloads", upstream.Peers: "the balancer"} {
		e := startEdge(t, mode, nodes[:3]...)
		b := e.buy(64, 45*time.Millisecond)
		for _, view := range views {
			e.Set(view...)
			<-e.published
			time.Sleep(700 * time.Millisecond) // what a change does to connections takes its time
		}
		failed := b.end()
		t.Logf("%s: %d of %d requests failed through %d changes: %v", name, failed, b.sent, len(views), b.failed)
		if b.sent < 8000 {
			t.Errorf("%s: %d requests, want enough for the test to mean anything", name, b.sent)
		}
		if mode == upstream.Peers && failed > 0 {
			t.Errorf("%d requests failed, want none", failed)
		}
	}
}

// A node dies with requests under way. Each of them is sent to another node.
func TestAKilledNodeCostsNoRequest(t *testing.T) {
	var nodes []sale.Node
	var victim *process.Child
	for i := range 3 {
		c, err := process.StartSelf(t.Context(), "stand-in", process.ChildOptions{Env: []string{standInMark + "=1"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		addr, err := bufio.NewReader(c.Out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, sale.Node{Name: fmt.Sprintf("n%d", i), Address: strings.TrimSpace(addr), Weight: 1, Ready: true})
		victim = c
	}
	e := startEdge(t, upstream.Peers, nodes...)
	b := e.buy(64, 30*time.Millisecond)
	time.Sleep(time.Second) // every client is at it
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1250 * time.Millisecond) // gossip notices a crash after that
	e.Set(nodes[:2]...)
	<-e.published
	time.Sleep(time.Second) // buyers go on without the dead node
	failed := b.end()
	t.Logf("%d of %d requests failed, %d were answered by another node: %v", failed, b.sent, b.retried, b.failed)
	if failed > 0 {
		t.Errorf("%d requests failed, want none", failed)
	}
	if b.retried == 0 || b.retried > 64+3*8 {
		t.Errorf("%d requests were sent twice, want those under way and a few before the node was set aside", b.retried)
	}
}

// What the balancer costs Nginx, per request that is proxied. Both take turns.
func TestTheBalancersCost(t *testing.T) {
	nodes := []sale.Node{standIn(t, "a"), standIn(t, "b"), standIn(t, "c")}
	edges := map[upstream.Mode]*edge{upstream.Rendered: startEdge(t, upstream.Rendered, nodes...), upstream.Peers: startEdge(t, upstream.Peers, nodes...)}
	used, sent := map[upstream.Mode]float64{}, map[upstream.Mode]int{}
	for range 4 {
		for mode, e := range edges {
			before, err := testbed.CPUTime(e.Pid())
			if err != nil {
				t.Fatal(err)
			}
			b := e.buy(32, 0)
			time.Sleep(2 * time.Second) // what is measured
			failed := b.end()
			after, err := testbed.CPUTime(e.Pid())
			if err != nil || failed > 0 {
				t.Fatalf("%d failed, %v", failed, err)
			}
			used[mode] += after - before
			sent[mode] += b.sent
		}
	}
	cost := func(m upstream.Mode) float64 { return used[m] / float64(sent[m]) * 1e6 }
	ratio := cost(upstream.Peers) / cost(upstream.Rendered)
	t.Logf("CPU of Nginx per proxied request: upstream block %.1f µs (%d requests), balancer %.1f µs (%d requests), ratio %.2f",
		cost(upstream.Rendered), sent[upstream.Rendered], cost(upstream.Peers), sent[upstream.Peers], ratio)
	if ratio > 1.5 { // about 1.1; a busy machine blurs it
		t.Errorf("the balancer costs %.2f times the upstream block, want little more", ratio)
	}
}
