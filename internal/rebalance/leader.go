package rebalance

import (
	"context"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

// leader leads under one token. Listing and each sale's planner have goroutines
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
	idle     bool // no node was selling at the last look
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
	lists := make(chan []sale.ID) // unbuffered: the next listing waits for this one's taking
	l.children.Go(func() { l.list(ctx, lists) })
	l.tend(ctx, lists)
}

// tend keeps a planner for each sale and wakes them all after gossip has signalled.
// The wait starts with the first signal of a burst and is not prolonged by the
// others, so the delay is bounded however long the burst lasts.
func (l *leader) tend(ctx context.Context, lists <-chan []sale.ID) {
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case ids := <-lists:
			l.assign(ctx, ids)
		case <-l.changed:
			if settled == nil {
				settled = time.After(l.cfg.Coalesce)
			}
		case <-settled:
			settled = nil
			for _, r := range l.planners {
				r.planner.wake()
			}
		}
		l.noteSellers()
	}
}

// assign starts a planner for each new sale and stops those of archived ones.
func (l *leader) assign(ctx context.Context, ids []sale.ID) {
	for id, r := range l.planners {
		if !slices.Contains(ids, id) {
			r.stop()
			delete(l.planners, id)
		}
	}
	for _, id := range ids {
		if _, ok := l.planners[id]; ok {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		p := newPlanner(id, l.Loop, l.token, func() { l.end(sale.ErrFenced) })
		l.planners[id] = running{planner: p, stop: stop}
		l.children.Go(func() { p.run(ctx) })
	}
}

// noteSellers says once that planning waits for nodes, and once that it goes on.
func (l *leader) noteSellers() {
	idle := len(l.members.View().Selling()) == 0
	switch {
	case idle && !l.idle:
		l.log.Warn("no node is selling; plans wait")
	case !idle && l.idle:
		l.log.Info("nodes are selling again")
	}
	l.idle = idle
}

// list hands the sales to tend, at once and then every tick. A failed listing
// changes nothing: the known sales keep their planners.
func (l *leader) list(ctx context.Context, lists chan<- []sale.ID) {
	journal := newJournal(l.log, l.hooks)
	for {
		ids, err := l.sales(ctx)
		journal.note(ctx, OpSales, err)
		if err == nil {
			select {
			case <-ctx.Done():
				return
			case lists <- ids:
			}
		}
		if !pause(ctx, l.cfg.Tick) {
			return
		}
	}
}

func (l *leader) sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.stock.Sales(ctx)
}
