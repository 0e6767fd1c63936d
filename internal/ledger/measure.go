package ledger

import (
	"context"
	"time"

	"onsale/internal/sale"
)

// measure tells the lag of every sale, also of those that another ledger reads or nobody: a
// backlog that only its reader measured would be invisible just when there is none.
func (l *Ledger) measure(ctx context.Context) {
	for {
		misses := 0
		for _, id := range l.watch.known() {
			entries, oldest, now, err := l.backlog(ctx, id)
			if l.noteRedis(ctx, OpBacklog, id, err); err != nil {
				if misses++; misses == maxMisses {
					break
				}
				continue
			}
			var age time.Duration
			if oldest != 0 {
				age = max(0, now.Sub(oldest))
			}
			if l.watch.saw(id, entries) {
				l.hooks.Lag(id, entries, age)
			}
		}
		if !pause(ctx, l.cfg.Look) {
			return
		}
	}
}

func (l *Ledger) backlog(ctx context.Context, id sale.ID) (int64, sale.Instant, sale.Instant, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.stream.Backlog(ctx, id)
}

// ping asks PostgreSQL in the time between commits, and where there is nothing to commit.
func (l *Ledger) ping(ctx context.Context) {
	for {
		call, cancel := context.WithTimeout(ctx, l.cfg.Call)
		err := l.store.Ping(call)
		cancel()
		if err == nil {
			l.watch.answered(&l.watch.postgres)
		}
		if err == nil || ctx.Err() == nil {
			l.journal.note(OpPing, "", err)
		}
		if !pause(ctx, l.cfg.Look) {
			return
		}
	}
}
