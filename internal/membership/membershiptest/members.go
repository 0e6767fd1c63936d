// Package membershiptest has members that tests change, in place of gossip's.
package membershiptest

import (
	"sync"

	"onsale/internal/sale"
)

// Members is a view that a test changes.
type Members struct {
	mu      sync.Mutex
	view    sale.View
	changed chan struct{}
}

// New returns members of whom no change is signalled yet.
func New(nodes ...sale.Node) *Members {
	return &Members{view: nodes, changed: make(chan struct{}, 1)}
}

// View is what was set last.
func (m *Members) View() sale.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

// Changed has one signal for all changes since the last one was taken.
func (m *Members) Changed() <-chan struct{} { return m.changed }

// Set replaces the view, as gossip does, without changing the one handed out.
func (m *Members) Set(nodes ...sale.Node) {
	m.mu.Lock()
	m.view = nodes
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Update applies change to every node; false drops it.
func (m *Members) Update(change func(n *sale.Node) bool) {
	var next sale.View
	for _, n := range m.View() {
		if change(&n) {
			next = append(next, n)
		}
	}
	m.Set(next...)
}

// Fail drops a node.
func (m *Members) Fail(name string) {
	m.Update(func(n *sale.Node) bool { return n.Name != name })
}
