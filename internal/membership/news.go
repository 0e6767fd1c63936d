package membership

import (
	"sync/atomic"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Hooks are called when peers come, go and change, in that order, one at a
// time, from a goroutine of Run's. Nil hooks are not called. Only nodes are
// reported, and never the member itself.
type Hooks struct {
	Joined  func(sale.Node) // seen for the first time, or back after it had gone
	Left    func(sale.Node) // gone after it had announced that it drains
	Failed  func(sale.Node) // gone without an announcement
	Updated func(sale.Node) // its weight, address, readiness or draining changed
}

type kind uint8

const (
	joined kind = iota
	left
	failed
	updated
	foreign   // it gossips, but not as one of ours
	contested // its name was seen at a second address
	stranger  // there are members that claim to be nodes and are not registered, or none any more
)

// event is one thing to report about a member.
type event struct {
	kind    kind
	name    string
	meta    meta   // of a member of ours
	address string // gossip address: the foreigner's, or the contender's
	err     error  // why a meta was not understood
	count   int    // of strangers
}

// newsLimit is four clusters of the size we measure with, all changing at
// once. Raised, it costs memory; lowered, a slow log loses lines sooner.
const newsLimit = 512

// news carries events from memberlist's callbacks, which must not wait, to
// Run, which may. When it is full the event is dropped and counted: a log
// line and a hook are lost, the view is not.
type news struct {
	queue   chan event
	dropped atomic.Int64
	log     *zap.Logger
	hooks   Hooks
}

func newNews(log *zap.Logger, hooks Hooks) *news {
	return &news{queue: make(chan event, newsLimit), log: log, hooks: hooks}
}

// put never blocks.
func (n *news) put(e event) {
	select {
	case n.queue <- e:
	default:
		n.dropped.Add(1)
	}
}

// deliver reports until done is closed, then what is still queued.
func (n *news) deliver(done <-chan struct{}) {
	for {
		select {
		case e := <-n.queue:
			n.report(e)
		case <-done:
			for {
				select {
				case e := <-n.queue:
					n.report(e)
				default:
					return
				}
			}
		}
	}
}

func (n *news) report(e event) {
	if lost := n.dropped.Swap(0); lost > 0 {
		n.log.Warn("gossip news dropped", zap.Int64("events", lost))
	}
	if e.kind == stranger {
		if e.count > 0 {
			n.log.Warn("gossip members that are no registered nodes are left out", zap.Int("members", e.count))
		} else {
			n.log.Info("all nodes in the gossip are registered")
		}
		return
	}
	log := n.log.With(zap.String("peer", e.name))
	switch e.kind {
	case foreign:
		log.Warn("gossip peer ignored", zap.String("address", e.address), zap.Error(e.err))
		return
	case contested:
		log.Warn("gossip name claimed from a second address", zap.String("address", e.address))
		return
	}
	hook := n.hooks.Updated
	log = log.With(zap.String("role", string(e.meta.Role)), zap.Int("weight", e.meta.Weight),
		zap.Bool("ready", e.meta.Ready), zap.Bool("draining", e.meta.Draining), zap.Bool("drained", e.meta.Drained))
	switch e.kind {
	case joined:
		hook = n.hooks.Joined
		log.Info("gossip peer joined")
	case left:
		hook = n.hooks.Left
		log.Info("gossip peer left")
	case failed:
		hook = n.hooks.Failed
		log.Warn("gossip peer failed")
	case updated:
		log.Info("gossip peer updated")
	}
	if e.meta.Role == RoleNode && hook != nil {
		hook(e.meta.node(e.name))
	}
}
