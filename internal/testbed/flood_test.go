package testbed_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"onsale/internal/testbed"
)

// forgedMember is what a member says of itself in gossip without a key: memberlist's message "alive", in MessagePack.
func forgedMember(i int) []byte {
	text := func(b []byte, s string) []byte { return append(append(b, 0xd9, byte(len(s))), s...) }
	number := func(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(append(b, 0xce), n) }
	raw := func(b []byte, s []byte) []byte {
		return append(binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(len(s))), s...)
	}
	b := append([]byte{244, 6}, "onsale"...)
	b = append(b, 4, 0x86)
	b = number(text(b, "Incarnation"), 1)
	b = text(text(b, "Node"), fmt.Sprint("forged-", i))
	b = raw(text(b, "Addr"), []byte{127, 1, byte(i >> 8), byte(i)})
	b = number(text(b, "Port"), 7946)
	b = raw(text(b, "Meta"), fmt.Appendf(nil, `{"v":1,"role":"node","address":"127.1.%d.%d:8081","weight":1000,"ready":true}`, i>>8, i&255))
	return append(text(b, "Vsn"), 0x96, 1, 5, 2, 0, 0, 0)
}

// Forged members got the buyers, and idle connections kept the allocator from planning anew.
func TestBuyersAreServedThroughForgedMembersAndIdleConnections(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1})
	s.open(t, 1000, time.Minute)
	udp, err := net.ListenPacket("udp4", "127.0.0.66:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for i := range 1500 {
		for _, m := range slices.Concat(s.Nodes, s.Allocators) {
			to, err := net.ResolveUDPAddr("udp4", m.Gossip)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := udp.WriteTo(forgedMember(i), to); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 2000 {
		c, err := net.Dial("tcp", slices.Concat(s.Allocators, s.Nodes[:1])[i%2].Admin)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	buy := func(from, to int) (took []time.Duration) {
		for i := from; i < to; i++ {
			began := time.Now()
			if a := s.buy(t, fmt.Sprint("buyer-", i)); a.status != http.StatusCreated {
				t.Errorf("buyer %d: got %d %s, want a ticket", i, a.status, a.code)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	took := buy(0, 300)
	t.Logf("300 purchases beside 1,500 forged members and 2,000 idle admin connections: p50 %v, p99 %v", took[150], took[297])

	plan := func() int64 {
		v, err := s.store.Survey(s.ctx, "demo")
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(v.Shares))
	}
	if got := plan(); got != 3 {
		t.Errorf("got a plan for %d nodes, want 3", got)
	}
	if err := s.Nodes[2].Kill(); err != nil {
		t.Fatal(err)
	}
	known := eventually(t, 15*time.Second, "a plan for the two that are left", func() bool { return plan() == 2 })
	t.Logf("a node that was killed was out of the plan after %v", known)
	took = buy(300, 400)
	t.Logf("100 purchases after that: p50 %v, p99 %v", took[50], took[98])
	s.audit(t)
}
