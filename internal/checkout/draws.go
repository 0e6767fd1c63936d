package checkout

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"onsale/internal/draw"
	"onsale/internal/failurelog"
	"onsale/internal/line"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

const (
	// drawLook is how often a node looks for a draw that has taken place.
	drawLook = time.Second
	// drawRetry is after how long it reads a list again that it could not read.
	drawRetry = 5 * time.Second
	// drawSpread spreads the nodes' reads of a long list, which take seconds of Redis's time between them: so
	// much for a million places.
	drawSpread = 20 * time.Second
)

// notDrawn is logged when a node can't take a draw that no allocator has taken.
var notDrawn = &failurelog.Kind{Begins: "can't take the draw of a line while no allocator does", Over: "the draw of a line is taken", Level: zap.ErrorLevel}

// drawFails is logged when a node can't learn a draw.
var drawFails = &failurelog.Kind{Begins: "can't compute the draw of a line", Over: "the draw of a line is known", Level: zap.WarnLevel}

// FollowDraws takes each line's draw if no allocator does, and computes it once it has taken place, so that
// buyers learn their positions here, until ctx ends.
func (c *Catalog) FollowDraws(ctx context.Context, store draw.Store) error {
	failures := failurelog.New[sale.ID](c.log, saleField)
	retry := map[sale.ID]time.Time{}
	for {
		for id, s := range c.Sellers() {
			l := s.line.Load()
			if l == nil || s.draw.Load() != nil || time.Now().Before(retry[id]) {
				continue
			}
			kind, err := drawFails, error(nil)
			switch {
			case s.undrawn(l):
				kind, err = notDrawn, s.takeDraw(ctx, store)
				retry[id] = time.Now().Add(restsFor)
			case l.Settled(s.Sale()):
				if !pause.For(ctx, spread(l.Drawn)) {
					return nil
				}
				err = s.computeDraw(ctx, store, &l.Line, c.log)
			default:
				continue
			}
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				retry[id] = time.Now().Add(drawRetry)
			} else {
				kind = nil
			}
			failures.Note(id, kind, err)
		}
		if !pause.Together(ctx, drawLook) {
			return nil
		}
	}
}

// undrawn reports whether the draw has been due for so long that no allocator takes it.
func (s *Seller) undrawn(l *lineRead) bool {
	now, ok := s.clock.Now()
	return ok && draw.Due(s.Sale(), &l.Line, now.Add(-restsFor))
}

// takeDraw takes the draw, unless another node is at it.
func (s *Seller) takeDraw(ctx context.Context, store draw.Store) error {
	now, _ := s.clock.Now()
	sent := time.Now()
	l, err := draw.Take(ctx, store, s.Sale(), now)
	if l.List != "" { // which a node that hears of the sale seldom need not read again
		s.noteLine(l, sent)
	}
	return err
}

// computeDraw computes the draw of a line that is settled.
func (s *Seller) computeDraw(ctx context.Context, store draw.Store, l *sale.Line, log *zap.Logger) error {
	d, missed, err := draw.Compute(ctx, store, s.Sale(), l)
	if err != nil {
		return err
	}
	s.Drawn(entriesDraw{d})
	if missed != nil {
		log.Warn("the list of a draw is not kept beside its places; a node that starts tries again", zap.String("sale", string(s.id)), zap.Error(missed))
	}
	return nil
}

// spread is how long a node waits before it reads so many places.
func spread(places int64) time.Duration {
	return time.Duration(rand.Int64N(1 + int64(drawSpread)*min(places, 1_000_000)/1_000_000))
}

// entriesDraw is a draw of buyers by their entries.
type entriesDraw struct{ draw *line.Draw }

func (d entriesDraw) Position(id sale.ID, buyer sale.Buyer, nonce [32]byte) int64 {
	return int64(d.draw.Position(line.NewEntry(string(id), string(buyer), nonce)))
}
