package ledger

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// measure reports the lag of every sale that does not rest, also of those that another ledger
// reads or nobody: a backlog that only its reader measured would be invisible just when there
// is none.
func (l *Ledger) measure(ctx context.Context) {
	for {
		misses := 0
		for _, id := range l.watch.awake() {
			p, err := l.head(ctx, id)
			lost := errors.Is(err, sale.ErrNoSale) || errors.Is(err, sale.ErrLost)
			if lost {
				err = nil // its reader reports that
			}
			if l.noteRedis(ctx, OpBacklog, id, err); err != nil {
				if misses++; misses == maxMisses {
					break
				}
				continue
			}
			var age time.Duration
			head := ""
			if len(p.Events) > 0 {
				head = p.Events[0].ID
				age = max(0, p.At.Sub(p.Events[0].At))
			}
			if l.watch.saw(id, p.Waiting) && l.hooks.Lag != nil {
				l.hooks.Lag(id, p.Waiting, age)
			}
			if !lost {
				l.watch.progress(id, head)
			}
		}
		l.reportStalls()
		if !pause.For(ctx, l.cfg.Look) {
			return
		}
	}
}

// notRecorded is logged when a sale makes no progress.
var notRecorded = &failurelog.Kind{Begins: "nothing of this sale is recorded", Over: "the sale is recorded again", Level: zap.ErrorLevel}

// reportStalls reports which sales make no progress: their readers may see no failure at all.
func (l *Ledger) reportStalls() {
	l.watch.stalls(l.cfg.Stall, func(id sale.ID, stalled bool) {
		if l.hooks.Stalled != nil {
			l.hooks.Stalled(id, stalled)
		}
		var kind *failurelog.Kind
		if stalled {
			kind = notRecorded
		}
		l.stalled.Note(id, kind, nil, zap.Duration("for", l.cfg.Stall))
	})
}

// head is the sale's oldest event that waits, and how many do.
func (l *Ledger) head(ctx context.Context, id sale.ID) (sale.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.stream.Page(ctx, id, "", 1)
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
			l.failures.note(OpPing, "", err)
		}
		if !pause.For(ctx, l.cfg.Look) {
			return
		}
	}
}
