package rebalance

import (
	"sync"

	"onsale/internal/sale"
)

// members is a view that tests change.
type members struct {
	mu      sync.Mutex
	view    sale.View
	changed chan struct{}
}

func newMembers(nodes ...sale.Node) *members {
	return &members{view: nodes, changed: make(chan struct{}, 1)}
}

func (m *members) View() sale.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *members) Changed() <-chan struct{} { return m.changed }

// set replaces the view, as gossip does, without changing the one handed out.
func (m *members) set(view sale.View) {
	m.mu.Lock()
	m.view = view
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// update applies change to every node; false drops it.
func (m *members) update(change func(n *sale.Node) bool) {
	var view sale.View
	for _, n := range m.View() {
		if change(&n) {
			view = append(view, n)
		}
	}
	m.set(view)
}

func (m *members) fail(name string) {
	m.update(func(n *sale.Node) bool { return n.Name != name })
}

func selling(names ...string) []sale.Node {
	var nodes []sale.Node
	for _, name := range names {
		nodes = append(nodes, sale.Node{Name: name, Weight: 1, Ready: true})
	}
	return nodes
}
