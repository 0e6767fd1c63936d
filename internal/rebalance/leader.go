package rebalance

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/sale"
)

// leader leads under one token. The scout and each sale's planner have goroutines
// of their own, so that a call which hangs holds up nothing but itself; the
// goroutine of tend owns the map of planners and makes no call, so a gossip
// signal always gets through.
type leader struct {
	*Loop
	token   sale.Generation
	changed <-chan struct{}
	end     context.CancelCauseFunc // ends the leadership; the first cause wins

	children sync.WaitGroup
	planners map[sale.ID]running
	hot      []sale.ID               // that are looked at every tick
	views    atomic.Int64            // how often gossip has changed: plans of cold sales made before are old
	looks    chan struct{}           // filled by those who look: at most Config.Looks
	sellers  *failurelog.Log[string] // whether some node sells
}

// running is a planner that runs and the way to stop it.
type running struct {
	planner *planner
	stop    context.CancelFunc
}

// run leads until ctx is done and all its children have returned.
func (l *leader) run(ctx context.Context) {
	defer l.children.Wait()
	l.planners = make(map[sale.ID]running)
	l.looks = make(chan struct{}, l.cfg.Looks)
	l.sellers = failurelog.New[string](l.log, nil)
	finds := make(chan find) // unbuffered: the scout's next round waits for this one's taking
	l.children.Go(func() { newScout(l).run(ctx, finds) })
	l.tend(ctx, finds)
}

// tend keeps a planner for each sale. It wakes those of the hot sales every tick and after
// gossip has signalled, and the others where the scout has found something.
// The wait starts with the first signal of a burst and is not prolonged by the
// others, so the delay is bounded however long the burst lasts.
func (l *leader) tend(ctx context.Context, finds <-chan find) {
	tick := time.NewTicker(l.cfg.Tick)
	defer tick.Stop()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-finds:
			l.take(ctx, f)
		case <-tick.C:
			l.wake(ctx, l.hot...)
		case <-l.changed:
			if settled == nil {
				settled = time.After(l.cfg.Coalesce)
			}
		case <-settled:
			settled = nil
			l.views.Add(1)
			l.wake(ctx, l.hot...)
		}
		l.noteSellers()
	}
}

// take starts planners for new sales and stops those of archived ones.
func (l *leader) take(ctx context.Context, f find) {
	if f.listed != nil {
		is := make(map[sale.ID]bool, len(f.listed))
		for _, id := range f.listed {
			is[id] = true
		}
		for id, r := range l.planners {
			if !is[id] {
				r.stop()
				delete(l.planners, id)
				if l.hooks.Dropped != nil {
					l.hooks.Dropped(id)
				}
			}
		}
	}
	woken := make(map[sale.ID]bool, len(f.hot))
	for _, id := range l.hot {
		woken[id] = true // by the tick
	}
	l.hot = f.hot
	for _, id := range slices.Concat(f.hot, f.due) {
		if !woken[id] {
			l.wake(ctx, id)
			woken[id] = true
		}
	}
}

// wake has sales looked at soon.
func (l *leader) wake(ctx context.Context, ids ...sale.ID) {
	for _, id := range ids {
		if r, runs := l.planners[id]; runs {
			r.planner.wake()
		} else {
			l.begin(ctx, id)
		}
	}
}

// begin starts a planner, which looks at once.
func (l *leader) begin(ctx context.Context, id sale.ID) {
	ctx, stop := context.WithCancel(ctx)
	p := newPlanner(id, l.Loop, l.token, func() { l.end(sale.ErrFenced) })
	p.looks = l.looks
	l.planners[id] = running{planner: p, stop: stop}
	l.children.Go(func() { p.run(ctx) })
}

// noSeller is logged when planning waits for nodes.
var noSeller = &failurelog.Kind{Begins: "no node is selling; plans wait", Over: "nodes are selling again", Level: zap.WarnLevel}

// noteSellers logs whether planning waits for nodes.
func (l *leader) noteSellers() {
	var kind *failurelog.Kind
	if len(l.members.View().Selling()) == 0 {
		kind = noSeller
	}
	l.sellers.Note("", kind, nil)
}
