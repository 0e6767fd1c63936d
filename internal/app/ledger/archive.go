package ledger

import (
	"context"
	"time"

	"go.uber.org/zap"

	"onsale/internal/ledger"
	"onsale/internal/pause"
)

// archiveEvery is how often a ledger looks for sales to archive.
const archiveEvery = time.Minute

// archive takes sales out of Redis that were closed long enough ago, until ctx ends. Several
// ledgers may do so at once: a sale is archived once.
func (l *Ledger) archive(ctx context.Context) error {
	for {
		ids, err := l.store.Over(ctx, l.config.ArchiveAfter)
		if err != nil && ctx.Err() == nil {
			l.log.Debug("can't list sales that are over", zap.Error(err))
		}
		for _, id := range ids {
			switch err := ledger.Archive(ctx, l.store, l.stock, id); {
			case err == nil:
				l.log.Info("sale archived", zap.String("sale", string(id)))
			case ctx.Err() == nil:
				l.log.Warn("sale not archived; it is tried again", zap.String("sale", string(id)), zap.Error(err))
			}
		}
		if !pause.For(ctx, archiveEvery) {
			return nil
		}
	}
}
