package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// lagWatch notes when the ledger was last seen to be behind.
type lagWatch struct {
	mu     sync.Mutex
	behind bool
	caught sale.Instant // Redis time of the first look that found nothing after the last that did
}

// follow looks until ctx ends. It asks every 20 ms: often enough for a bound in
// seconds, and nothing beside what the nodes ask.
func (w *lagWatch) follow(ctx context.Context, store *remotestock.Store) {
	for ctx.Err() == nil {
		if entries, _, now, err := store.Backlog(ctx, benchSale); err == nil {
			w.saw(entries, now)
		}
		pause.For(ctx, 20*time.Millisecond)
	}
}

func (w *lagWatch) saw(entries int64, now sale.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if entries == 0 && (w.behind || w.caught == 0) {
		w.caught = now
	}
	w.behind = entries > 0
}

// since is how many seconds after the hold the ledger had committed everything;
// late is when it had at the latest, for where nobody watched to the end.
func (w *lagWatch) since(hold, late sale.Instant) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := w.caught
	if w.behind || done < hold {
		done = late
	}
	return done.Sub(hold).Seconds()
}

// awaitLedger returns the Redis time at which it found nothing waiting.
func awaitLedger(ctx context.Context, store *remotestock.Store) (sale.Instant, error) {
	limit := time.Now().Add(time.Minute)
	for {
		entries, _, now, err := store.Backlog(ctx, benchSale)
		switch {
		case err == nil && entries == 0:
			return now, nil
		case time.Now().After(limit):
			return 0, fmt.Errorf("a minute after the sale the ledger is %d entries behind (%v)", entries, err)
		}
		if !pause.For(ctx, 10*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
}

// lastHold is when the last ticket was sold.
func lastHold(a operate.Audited) (last sale.Instant) {
	for _, o := range a.Orders {
		last = max(last, o.Created)
	}
	return last
}
