// Package pause waits between two tries of one thing, and no longer than its context lasts.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx is done. It reports whether ctx is not done, also where d is over already.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// began is when this process did. What waits together waits for a multiple of its time from then on, which other
// processes do not share: a hundred nodes must not ask Redis at the same moment.
var began = time.Now()

// Together waits until the next multiple of d since the process began, or until ctx is done, and reports whether it is
// not. Loops of a process that wait so wake it at the same moments: each time costs the runtime more than most of what
// these loops do. The first wait is shorter than d.
func Together(ctx context.Context, d time.Duration) bool {
	return For(ctx, d-(time.Since(began)%d+d)%d)
}
