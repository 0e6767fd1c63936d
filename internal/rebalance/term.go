package rebalance

import (
	"context"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

// term is one stretch of leadership under one token. Listing, renewing and each
// sale's steward have goroutines of their own, so that a call which hangs holds
// up nothing but itself; the goroutine of tend owns the map of stewards and
// makes no call, so a gossip signal always gets through.
type term struct {
	*Loop
	grant   grant
	changed <-chan struct{}
	end     context.CancelCauseFunc // ends the term; the first cause wins

	children sync.WaitGroup
	stewards map[sale.ID]appointed
	idle     bool // no node was selling at the last look
}

// appointed is a steward at work and the way to dismiss it.
type appointed struct {
	steward *steward
	dismiss context.CancelFunc
}

// run serves the term until ctx is done and all its children have returned.
func (t *term) run(ctx context.Context) {
	defer t.children.Wait()
	t.stewards = make(map[sale.ID]appointed)
	lists := make(chan []sale.ID) // unbuffered: the next listing waits for this one's taking
	t.children.Go(func() { t.renew(ctx) })
	t.children.Go(func() { t.list(ctx, lists) })
	t.tend(ctx, lists)
}

// tend keeps a steward for each sale and wakes them all when gossip has spoken.
// The wait starts with the first signal of a burst and is not prolonged by the
// others, so the delay is bounded however long the burst lasts.
func (t *term) tend(ctx context.Context, lists <-chan []sale.ID) {
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case ids := <-lists:
			t.appoint(ctx, ids)
		case <-t.changed:
			if settled == nil {
				settled = time.After(t.cfg.Coalesce)
			}
		case <-settled:
			settled = nil
			for _, a := range t.stewards {
				a.steward.wake()
			}
		}
		t.noteSellers()
	}
}

// appoint gives each new sale a steward and dismisses those of archived ones.
func (t *term) appoint(ctx context.Context, ids []sale.ID) {
	for id, a := range t.stewards {
		if !slices.Contains(ids, id) {
			a.dismiss()
			delete(t.stewards, id)
		}
	}
	for _, id := range ids {
		if _, ok := t.stewards[id]; ok {
			continue
		}
		ctx, dismiss := context.WithCancel(ctx)
		s := newSteward(id, t.Loop, t.grant.token, func() { t.end(sale.ErrFenced) })
		t.stewards[id] = appointed{steward: s, dismiss: dismiss}
		t.children.Go(func() { s.run(ctx) })
	}
}

// noteSellers says once that planning waits for nodes, and once that it goes on.
func (t *term) noteSellers() {
	idle := len(t.members.View().Selling()) == 0
	switch {
	case idle && !t.idle:
		t.log.Warn("no node is selling; plans wait")
	case !idle && t.idle:
		t.log.Info("nodes are selling again")
	}
	t.idle = idle
}

// list hands the sales to tend, at once and then every tick. A failed listing
// changes nothing: the known sales keep their stewards.
func (t *term) list(ctx context.Context, lists chan<- []sale.ID) {
	journal := newJournal(t.log, t.hooks)
	for {
		ids, err := t.sales(ctx)
		journal.note(ctx, OpSales, err)
		if err == nil {
			select {
			case <-ctx.Done():
				return
			case lists <- ids:
			}
		}
		if !pause(ctx, t.cfg.Tick) {
			return
		}
	}
}

func (t *term) sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Call)
	defer cancel()
	return t.stock.Sales(ctx)
}

// renew keeps the lease, and ends the term when it is another's, was another's
// in between (a new token), or would lapse before the next try. One failed
// renewal ends nothing: the fence guards the plans meanwhile.
func (t *term) renew(ctx context.Context) {
	journal := newJournal(t.log, t.hooks)
	lapses := t.grant.sent.Add(t.cfg.LeaseTime)
	for pause(ctx, t.cfg.LeaseRenew) {
		g, held, err := t.acquire(ctx)
		journal.note(ctx, OpLease, err)
		switch {
		case err != nil && time.Until(lapses) > t.cfg.LeaseRenew:
		case err != nil, !held, g.token != t.grant.token:
			t.end(errLost)
			return
		default:
			lapses = g.sent.Add(t.cfg.LeaseTime)
		}
	}
}
