package allocator

import (
	"context"

	"onsale/internal/adminapi/board"
	"onsale/internal/membership"
	"onsale/internal/rebalance"
	"onsale/internal/sale"
)

// The board shows what passes through these hooks.

// watchedNodes are hooks that also show the board which nodes come and go.
func watchedNodes(h membership.Hooks, feed *board.Feed) membership.Hooks {
	both := func(one, other func(sale.Node)) func(sale.Node) {
		return func(n sale.Node) { one(n); other(n) }
	}
	return membership.Hooks{
		Joined: both(h.Joined, feed.NodeJoined), Left: both(h.Left, feed.NodeLeft),
		Failed: both(h.Failed, feed.NodeFailed), Updated: both(h.Updated, feed.NodeUpdated),
	}
}

// watchedPlans are hooks that also show the board what is planned.
func watchedPlans(h rebalance.Hooks, feed *board.Feed) rebalance.Hooks {
	planned, leading, dropped := h.Planned, h.Leading, h.Dropped
	h.Surveyed = feed.Surveyed
	h.Planned = func(id sale.ID, plan sale.Generation, r rebalance.Reason, nodes int) {
		planned(id, plan, r, nodes)
		feed.Planned(id, plan, r, nodes)
	}
	h.Leading = func(on bool) {
		leading(on)
		feed.Leading(on)
	}
	h.Dropped = func(id sale.ID) {
		dropped(id)
		feed.Dropped(id)
	}
	return h
}

func (a *Allocator) newBoard() *board.Board {
	return board.New(board.Site{
		Name: a.config.Name, View: a.gossip.View, Probed: a.gossip.Probed,
		Survey:  func(id sale.ID) (sale.Survey, bool) { return a.loop.Survey(id) },
		Surveys: func() []sale.Survey { return a.loop.Surveys() },
		Read:    a.readForBoard,
	}, a.feed, a.tokens, a.log)
}

// readForBoard reads what no survey has. The board asks once a second while somebody looks, however many look.
func (a *Allocator) readForBoard(ctx context.Context, chosen []sale.ID) (r board.Reading, err error) {
	if r.Parts, err = a.parts(ctx); err != nil {
		return r, err
	}
	if r.Settings, err = a.store.NodeSettings(ctx); err != nil {
		return r, err
	}
	answers, err := a.registry("answers").Members(ctx)
	if err != nil {
		return r, err
	}
	r.Answers = map[string]map[string]int64{}
	for node, value := range answers {
		if counts := decoded[map[string]int64](value); counts != nil {
			r.Answers[node] = *counts
		}
	}
	r.Audits, err = a.store.Audits(ctx, chosen)
	return r, err
}
