package membership

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
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

// is reports whether the member is who it says. Only a node has to prove that: of an allocator nobody makes anything,
// and this member knows itself. The caller holds mu.
func (m *members) is(name string, info meta) bool {
	return m.registry == nil || info.Role != RoleNode || name == m.self || m.registered[name] == info.Address
}

// NotifyAlive implements memberlist.AliveDelegate: it is called with every word of a living member, and an error keeps it
// out. Forged members would otherwise take the probes that find crashes.
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
		if p.doubted { // memberlist may ignore what it says: it takes it for dead
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

// confirm reads the registry at the start and whenever somebody comes who is not in what it said last, until ctx ends.
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
		select {
		case <-ctx.Done():
			return
		case <-time.After(askAgain):
		}
	}
}

// unsettled reports whether the registry is to be read again though nobody has come: a node that starts may not be listed
// yet, and a view that waits for nodes waits for those that run.
func (m *members) unsettled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.strangers > 0 || !m.settled.Load() && len(*m.view.Load()) > 0
}

// take confirms who is registered. A node that was confirmed stays so while it gossips: a Redis that came back empty
// knows nobody for a second. Only one that is registered at another address is another one now.
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
			m.tell(event{kind: joined, name: name, meta: p.meta})
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

// settleView says that the view is whole once it has every registered node, or has waited for them long enough. What is made
// of a part of the nodes, a plan or an upstream, leaves the others without buyers. A view that has become empty
// begins anew. The caller holds mu.
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
