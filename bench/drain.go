package main

import (
	"context"
	"time"

	"onsale/bench/report"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
)

// drainWatch notes what each node has left of its slice, as Redis counts it.
type drainWatch struct {
	start time.Time
	nodes map[string][]report.Level
}

// follow looks until ctx ends; while Redis is away there is nothing to see.
func (w *drainWatch) follow(ctx context.Context, store *remotestock.Store) {
	w.nodes = map[string][]report.Level{}
	for ; ctx.Err() == nil; pause.For(ctx, 50*time.Millisecond) {
		survey, err := store.Survey(ctx, benchSale)
		if err != nil {
			continue
		}
		left := map[string]int64{}
		for node := range w.nodes {
			left[node] = 0 // the plan may count on it no more
		}
		for _, share := range survey.Shares {
			left[share.Node] = max(0, share.Slice-share.Claimed)
		}
		at := time.Since(w.start).Seconds()
		for node, n := range left {
			levels := w.nodes[node]
			if len(levels) == 0 || levels[len(levels)-1].Left != n {
				w.nodes[node] = append(levels, report.Level{Seconds: at, Left: n})
			}
		}
	}
}
