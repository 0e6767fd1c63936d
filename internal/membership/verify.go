package membership

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/pause"
)

// ping asks a member whether it lives, and takes a probe's time for it at most.
type ping func(n memberlist.Node) bool

// pingGap lies between two pings of a member. Raised, a crash is known later by as much; lowered, a short loss of packets takes both.
const pingGap = 20 * time.Millisecond

// pingOnce asks once.
func pingOnce(list *memberlist.Memberlist) ping {
	return func(n memberlist.Node) bool {
		_, err := list.Ping(n.Name, &net.UDPAddr{IP: n.Addr, Port: int(n.Port)})
		return err == nil
	}
}

// pings asks twice, lest one lost packet ends a member. It does not wait for the first answer: until then the member is in
// everybody's view, and is sent buyers.
func pings(list *memberlist.Memberlist) ping {
	once := pingOnce(list)
	return func(n memberlist.Node) bool {
		var asked sync.WaitGroup
		var answered atomic.Bool
		for i := range 2 {
			asked.Go(func() {
				time.Sleep(time.Duration(i) * pingGap)
				if once(n) {
					answered.Store(true)
				}
			})
		}
		asked.Wait()
		return answered.Load()
	}
}

// verify asks the members that were declared dead, until ctx ends. Such a message may be forged, or late: a member that
// comes back from a cut network reports as dead all that it has missed. A member that answers stays in the view, and is
// asked again until it has contradicted or does not answer.
func (m *members) verify(ctx context.Context, lives ping, every time.Duration) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.doubts:
		}
		for _, p := range m.doubted() {
			asking.Go(func() { m.watch(ctx, p, lives, every) })
		}
	}
}

// doubted returns the members that are doubted and not being asked yet.
func (m *members) doubted() (all []*member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.byName {
		if p.doubted && !p.asked {
			p.asked = true
			all = append(all, p)
		}
	}
	return all
}

// watch asks one member until it is believed again, or does not answer and is dropped.
func (m *members) watch(ctx context.Context, p *member, lives ping, every time.Duration) {
	for ctx.Err() == nil {
		m.mu.Lock()
		at, doubted := p.node, p.doubted && m.byName[p.node.Name] == p && !m.closed
		p.asked = doubted
		m.mu.Unlock()
		if !doubted {
			return
		}
		alive := lives(at)
		m.mu.Lock()
		if !alive && p.doubted && m.byName[at.Name] == p && !m.closed && ctx.Err() == nil {
			m.drop(at.Name, p)
		}
		m.mu.Unlock()
		pause.For(ctx, every)
	}
}
