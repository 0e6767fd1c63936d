package membership

import (
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/sale"
)

// probes are the times at which members last answered a probe of this one. memberlist probes one member after the other,
// so each is probed once in as many probe intervals as there are members.
type probes struct {
	view func() sale.View

	mu       sync.Mutex
	answered map[string]time.Time // at most twice as many as the view has, and some more
}

// spareProbes is how many members that are in no view are remembered: allocators, and those that have gone.
const spareProbes = 64

func newProbes(view func() sale.View) *probes {
	return &probes{view: view, answered: map[string]time.Time{}}
}

// AckPayload implements memberlist.PingDelegate: answers carry nothing of ours.
func (p *probes) AckPayload() []byte { return nil }

// NotifyPingComplete implements memberlist.PingDelegate.
func (p *probes) NotifyPingComplete(other *memberlist.Node, _ time.Duration, _ []byte) {
	view := p.view()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered[other.Name] = time.Now()
	if len(p.answered) > 2*len(view)+spareProbes {
		known := map[string]bool{}
		for _, n := range view {
			known[n.Name] = true
		}
		maps.DeleteFunc(p.answered, func(name string, _ time.Time) bool { return !known[name] })
	}
}

// Probed returns when members last answered a probe of this one, by name. Who was not probed yet is missing, and who has
// gone may be there for a while.
func (g *Gossip) Probed() map[string]time.Time {
	g.probes.mu.Lock()
	defer g.probes.mu.Unlock()
	return maps.Clone(g.probes.answered)
}
