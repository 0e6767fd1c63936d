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
