package membership

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/sale"
)

// members turns memberlist's callbacks into the view. memberlist calls while
// it holds the lock that its probes need, so the callbacks only touch memory:
// log lines and hooks wait in the news queue for Run to deliver.
type members struct {
	cfg      Config
	registry Registry      // nil: every member is believed
	ask      chan struct{} // capacity 1: the registry is to be read
	doubts   chan struct{} // capacity 1: a member is to be asked whether it lives
	settled  atomic.Bool   // the view is complete as far as is known

	self    string
	urgent  func()        // there is news that can't wait; it must not either
	changed chan struct{} // capacity 1: the view differs from the last one
	news    *news
	view    atomic.Pointer[sale.View]
	// contested: someone reported this member's own name at another address.
	contested atomic.Bool

	mu     sync.Mutex
	byName map[string]*member
	closed bool
	// registered is the registry's last answer, node to buyers' address; nil before the first.
	registered map[string]string
	strangers  int       // what was logged last
	settle     time.Time // when the view counts as complete at the latest; zero while it is empty
}

// member is what is known of one live member, this one included.
type member struct {
	meta      meta
	known     bool // it has sent a meta that we understood
	foreign   bool // it has sent one that we did not, and that was reported
	contested bool // its name was seen at a second address, and that was reported
	confirmed bool // it is registered as the node that it claims to be, or was when it came
	doubted   bool // another member reported it dead
	asked     bool // and verify is asking it
	node      memberlist.Node
}

func newMembers(cfg Config, registry Registry, news *news) *members {
	m := &members{
		cfg:      cfg,
		registry: registry,
		ask:      make(chan struct{}, 1),
		doubts:   make(chan struct{}, 1),

		self:    cfg.Name,
		urgent:  func() {},
		changed: make(chan struct{}, 1),
		news:    news,
		byName:  make(map[string]*member),
	}
	m.view.Store(&sale.View{})
	m.settled.Store(registry == nil)
	return m
}

// NotifyJoin implements memberlist.EventDelegate.
func (m *members) NotifyJoin(n *memberlist.Node) { m.learn(n) }

// NotifyUpdate implements memberlist.EventDelegate.
func (m *members) NotifyUpdate(n *memberlist.Node) { m.learn(n) }

// learn takes in a member's meta. One that is not ours changes nothing: a
// newcomer stays out of the view, a known member keeps its last good meta.
func (m *members) learn(n *memberlist.Node) {
	info, err := m.read(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	p := m.byName[n.Name]
	if p == nil {
		p = new(member)
		m.byName[n.Name] = p
	}
	p.doubted, p.node = false, *n
	if err != nil {
		if !p.foreign {
			p.foreign = true
			m.reportPeer(event{kind: foreign, name: n.Name, address: n.Address(), err: err})
		}
		return
	}
	m.accept(n.Name, p, info)
}

// accept takes in a meta of ours. It reports and publishes the member if it is who it claims to be. The caller holds mu.
func (m *members) accept(name string, p *member, info meta) {
	if info.Address != p.meta.Address {
		p.confirmed = false
	}
	kind := updated
	if !p.known || !p.confirmed {
		kind = joined
	}
	p.meta, p.known = info, true
	p.confirmed = p.confirmed || m.is(name, info)
	if !p.confirmed {
		notify(m.ask)
		m.publish(name, nil)
		return
	}
	m.reportPeer(event{kind: kind, name: name, meta: info})
	m.publish(name, p)
}

// NotifyLeave implements memberlist.EventDelegate. memberlist calls it for
// crashes and departures alike; the last meta distinguishes them.
func (m *members) NotifyLeave(n *memberlist.Node) {
	m.urgent()
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.byName[n.Name]
	if m.closed || p == nil {
		return
	}
	if p.known && p.confirmed && p.meta.Role == RoleNode && !p.meta.Draining {
		// The message may be forged, or be a late one of a member that was cut off.
		p.doubted = true
		notify(m.doubts)
		return
	}
	m.drop(n.Name, p)
}

// drop takes a member out of the view. The caller holds mu.
func (m *members) drop(name string, p *member) {
	delete(m.byName, name)
	if !p.known || !p.confirmed {
		return
	}
	kind := failed
	if p.meta.Draining {
		kind = left
	}
	m.reportPeer(event{kind: kind, name: name, meta: p.meta})
	m.publish(name, nil)
}

// NotifyConflict implements memberlist.ConflictDelegate: a live member's name
// was seen at another address. A node restarted elsewhere causes it until its
// old self is declared failed; anything longer is two nodes under one name.
func (m *members) NotifyConflict(existing, other *memberlist.Node) {
	if existing.Name == m.self {
		m.contested.Store(true)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.byName[existing.Name]
	if m.closed || p == nil || p.contested {
		return
	}
	p.contested = true
	m.news.put(event{kind: contested, name: existing.Name, address: other.Address()})
}

// close makes later callbacks no-ops: memberlist's timers may still fire for
// a moment after it was shut down.
func (m *members) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// reportPeer queues an event unless it is about this member itself.
func (m *members) reportPeer(e event) {
	if e.name != m.self {
		m.news.put(e)
	}
}

// publish puts one member's state into the view, and signals if that differs. p is
// nil if the member has gone. Only its own place changes: with a hundred members,
// sorting the view anew would cost more than receiving the change. The caller
// holds mu.
func (m *members) publish(name string, p *member) {
	old := *m.view.Load()
	i, found := slices.BinarySearchFunc(old, name, func(n sale.Node, name string) int { return strings.Compare(n.Name, name) })
	var view sale.View
	defer m.settleView()
	switch belongs := p != nil && p.known && p.confirmed && p.meta.Role == RoleNode; {
	case belongs && found && old[i] == p.meta.node(name), !belongs && !found:
		return
	case belongs && found:
		view = slices.Clone(old)
		view[i] = p.meta.node(name)
	case belongs:
		view = slices.Insert(slices.Clone(old), i, p.meta.node(name))
	default:
		view = slices.Delete(slices.Clone(old), i, i+1)
	}
	m.view.Store(&view)
	notify(m.changed)
}
