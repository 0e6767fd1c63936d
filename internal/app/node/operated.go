package node

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

const (
	// operatedEvery is how often a node reads what operators have set for it. Raised, a drain and a weight are
	// heeded later; lowered, every node costs Redis more.
	operatedEvery = 500 * time.Millisecond
	// operatedRetry is the same until it was read for the first time.
	operatedRetry = 250 * time.Millisecond
)

// operated is what operators have set for this node while it runs.
type operated struct {
	own     atomic.Int64 // the weight that was set; 0: none
	drained atomic.Bool
	asked   atomic.Bool // by a buyer, since the last look

	// The rest belongs to followOperators.

	since time.Time // when it was drained
	last  time.Time // when a look found that a buyer had asked
}

// weight is the node's weight, which is configured unless one was set.
func (o *operated) weight(configured int) int { return int(cmp.Or(o.own.Load(), int64(configured))) }

// ask notes that a buyer asked. A request costs one load of an atomic, but for the first since the last look.
func (o *operated) ask() {
	if !o.asked.Load() {
		o.asked.Store(true)
	}
}

// idle reports whether a drained node is done: every Nginx has had time to leave it, and the last request began
// longer ago than any takes.
func (o *operated) idle(now time.Time, leave time.Duration) bool {
	if o.asked.Swap(false) {
		o.last = now
	}
	return o.drained.Load() && now.Sub(o.since) >= leave && now.Sub(o.last) >= drainLimit
}

// heed takes over what is set, and reports whether that drains the node or lets it return.
func (o *operated) heed(set sale.NodeSetting, now time.Time) (changed bool) {
	o.own.Store(int64(set.Weight))
	if changed = o.drained.Swap(set.Drained) != set.Drained; changed {
		o.since = now
	}
	return changed
}

// readOperated reads what is set for this node and announces it, as often as it takes. It is false where ctx ends first.
func (n *Node) readOperated(ctx context.Context, retry time.Duration) bool {
	for n.followOnce(ctx) != nil {
		if !pause.For(ctx, retry) {
			return false
		}
	}
	return ctx.Err() == nil
}

// unfollowed is logged while what operators have set can't be read; what was read last is in force.
var unfollowed = &failurelog.Kind{Level: zap.WarnLevel,
	Begins: "can't read what operators have set for this node; trying on", Over: "what operators have set for this node can be read again"}

// followOperators heeds what operators set, until ctx ends.
func (n *Node) followOperators(ctx context.Context) error {
	failures := failurelog.New[string](n.log, nil)
	for pause.Together(ctx, operatedEvery) {
		err := n.followOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var kind *failurelog.Kind
		if err != nil {
			kind = unfollowed
		}
		failures.Note("", kind, err)
		if err == nil {
			n.answers.report(ctx, time.Now())
		}
	}
	return nil
}

// followOnce reads what is set, and has gossip announce it: allocators plan and publish by that.
func (n *Node) followOnce(ctx context.Context) error {
	set, err := n.store.NodeSetting(ctx, n.config.Name)
	now := time.Now()
	if err == nil {
		if n.set.heed(set, now) {
			n.log.Info("an operator has drained this node, or lets it return", zap.Bool("drained", set.Drained))
		}
		if err := n.gossip.SetWeight(n.set.weight(n.config.Weight)); err != nil {
			return err
		}
	}
	n.gossip.SetDrained(n.set.drained.Load(), n.set.idle(now, n.config.DrainDelay))
	return err
}
