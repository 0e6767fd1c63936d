package membership

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/pause"
)

// Registry knows the nodes that run, from another source than gossip.
type Registry interface {
	// Nodes returns the address of the buyers' API of every node that holds its name.
	Nodes(ctx context.Context) (map[string]string, error)
}

const (
	// maxStrangers is how many members may gossip that are no registered nodes; the allocators are among them. Raised,
	// forged members take more of the probes, and crashes are known later; lowered, less than that many
	// nodes can start at the same moment without waiting for the next exchange of states.
	maxStrangers = 16
	// askAgain is the least time between two readings of the registry. Raised, a node that starts waits longer for its
	// buyers; lowered, a flood of forged members makes more calls of Redis.
	askAgain = 200 * time.Millisecond
	// askTimeout bounds one reading.
	askTimeout = time.Second
)

// read takes a member's meta apart and reports why it can't be one of ours.
func (m *members) read(n *memberlist.Node) (meta, error) {
	info, err := decodeMeta(n.Name, n.Meta)
	if err == nil && info.Role == RoleNode {
		err = m.cfg.checkBuyers(info.Address)
	}
	return info, err
}

// is reports whether the member is who it claims to be. Only another node has to prove that: nothing is derived from
// an allocator's meta, and this member knows itself. The caller holds mu.
func (m *members) is(name string, info meta) bool {
	return m.registry == nil || info.Role != RoleNode || name == m.self || m.registered[name] == info.Address
}

// NotifyAlive implements memberlist.AliveDelegate: it is called with every message of a living member, and an error
// rejects the member. Forged members would otherwise take the probes that find crashes.
func (m *members) NotifyAlive(n *memberlist.Node) error {
	if n.Name == m.self {
		return nil
	}
	ip, ok := netip.AddrFromSlice(n.Addr)
	if !ok || !m.cfg.within(ip) {
		return fmt.Errorf("address %v is in none of the networks that members may be in", n.Addr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.byName[n.Name]
	if p != nil {
		if p.doubted { // memberlist may ignore its messages: it takes it for dead
			if info, err := m.read(n); err == nil && info != p.meta {
				m.accept(n.Name, p, info)
			}
		}
		return nil
	}
	if m.registry == nil {
		return nil
	}
	info, err := m.read(n)
	if err == nil && info.Role == RoleNode && m.is(n.Name, info) {
		return nil
	}
	if m.unconfirmed() < maxStrangers {
		return nil
	}
	notify(m.ask)
	return fmt.Errorf("%d members that are no registered nodes are enough", maxStrangers)
}

// unconfirmed counts the members that are no registered nodes. The caller holds mu.
func (m *members) unconfirmed() (count int) {
	for name, p := range m.byName {
		if name != m.self && (!p.known || !p.confirmed || p.meta.Role != RoleNode) {
			count++
		}
	}
	return count
}

// confirm reads the registry at the start, and whenever a member comes that its last answer lacks, until ctx ends.
func (m *members) confirm(ctx context.Context) {
	if m.registry == nil {
		return
	}
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		case <-m.ask:
		}
		call, cancel := context.WithTimeout(ctx, askTimeout)
		nodes, err := m.registry.Nodes(call)
		cancel()
		if err == nil {
			m.take(nodes)
		}
		again.Stop()
		if err != nil || m.unsettled() {
			again.Reset(askAgain)
		}
		if !pause.For(ctx, askAgain) {
			return
		}
	}
}

// unsettled reports whether the registry is to be read again though no member has come. A node that starts may not be
// listed yet, and a view that waits for nodes must wait only for those that run.
func (m *members) unsettled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.strangers > 0 || !m.settled.Load() && len(*m.view.Load()) > 0
}

// take confirms the members that are registered. A node that was confirmed stays so while it gossips: a Redis that came
// back empty lists no node for a second. Only a node that is registered at another address loses its confirmation.
func (m *members) take(nodes map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registered = nodes
	strangers := 0
	for name, p := range m.byName {
		if !p.known || p.meta.Role != RoleNode || name == m.self {
			continue
		}
		at, listed := nodes[name]
		switch {
		case p.confirmed && listed && at != p.meta.Address:
			p.confirmed = false
			m.publish(name, nil)
			strangers++
		case !p.confirmed && listed && at == p.meta.Address:
			p.confirmed = true
			m.reportPeer(event{kind: joined, name: name, meta: p.meta})
			m.publish(name, p)
		case !p.confirmed:
			strangers++
		}
	}
	if (strangers > 0) != (m.strangers > 0) {
		m.news.put(event{kind: stranger, count: strangers})
	}
	m.strangers = strangers
	m.settleView()
}

// settleView marks the view complete once it has every registered node, or has waited for them long enough. A plan or an
// upstream that is made from a part of the nodes leaves the others without buyers. A view that has become empty has to
// settle again. The caller holds mu.
func (m *members) settleView() {
	if m.registry == nil {
		return
	}
	switch {
	case len(*m.view.Load()) == 0:
		m.settled.Store(false)
		m.settle = time.Time{}
		return
	case m.settled.Load():
		return
	case m.settle.IsZero():
		m.settle = time.Now().Add(m.cfg.Settle)
		notify(m.ask) // for the nodes of this moment
		return
	case m.registered == nil:
		return
	}
	if time.Now().Before(m.settle) {
		for name := range m.registered {
			if p := m.byName[name]; p == nil || !p.known || !p.confirmed {
				return
			}
		}
	}
	m.settled.Store(true)
	notify(m.changed)
}
