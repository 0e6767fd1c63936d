package checkout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/line"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Places are where those who were drawn are read.
type Places interface {
	// DrawnPlaces calls each for every buyer whose place was drawn, in no order.
	DrawnPlaces(ctx context.Context, id sale.ID, each func(sale.Buyer)) error
}

const (
	// drawLook is how often a node looks for a draw that has taken place.
	drawLook = time.Second
	// drawRetry is after how long it reads a list again that it could not read.
	drawRetry = 5 * time.Second
	// drawSpread spreads the nodes' reads of a long list, which take seconds of Redis's time between them: so
	// much for a million places.
	drawSpread = 20 * time.Second
)

// errOtherList: Redis has lost places of the list, or got some back that it did not have at the draw.
var errOtherList = errors.New("the places in Redis are not those of the list that was published")

// drawFails is logged when a node can't learn a draw.
var drawFails = &failurelog.Kind{Begins: "can't compute the draw of a line", Over: "the draw of a line is known", Level: zap.WarnLevel}

// FollowDraws computes each line's draw once it has taken place, so that buyers learn their positions
// here, until ctx ends.
func (c *Catalog) FollowDraws(ctx context.Context, places Places) error {
	failures := failurelog.New[sale.ID](c.log, nil)
	retry := map[sale.ID]time.Time{}
	for {
		for id, s := range c.Sellers() {
			l := s.line.Load()
			if l == nil || s.draw.Load() != nil || !l.Settled(s.Sale()) || time.Now().Before(retry[id]) {
				continue
			}
			if !pause.For(ctx, spread(l.Drawn)) {
				return nil
			}
			d, err := computeDraw(ctx, s.Sale(), l.Line, places)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				failures.Note(id, drawFails, err)
				retry[id] = time.Now().Add(drawRetry)
				continue
			}
			failures.Note(id, nil, nil)
			s.Drawn(d)
		}
		if !pause.For(ctx, drawLook) {
			return nil
		}
	}
}

// spread is how long a node waits before it reads so many places.
func spread(places int64) time.Duration {
	return time.Duration(rand.Int64N(1 + int64(drawSpread)*min(places, 1_000_000)/1_000_000))
}

// computeDraw reads who was drawn, and draws.
func computeDraw(ctx context.Context, d *sale.Sale, l sale.Line, places Places) (Draw, error) {
	list, err := line.NewList(string(d.ID), string(d.LineSecret))
	if err != nil {
		return nil, err
	}
	seed, err := line.ParseHash(string(d.LineSeed))
	if err != nil {
		return nil, fmt.Errorf("the seed: %w", err)
	}
	if err := places.DrawnPlaces(ctx, d.ID, func(b sale.Buyer) { list.Add(string(b)) }); err != nil {
		return nil, err
	}
	entries := list.Sorted()
	if line.HashEntries(entries).String() != l.List {
		return nil, errOtherList
	}
	return entriesDraw{line.NewDraw(line.Seed(seed), []byte(l.BeaconValue), entries)}, nil
}

// entriesDraw is a draw of buyers by their entries.
type entriesDraw struct{ draw *line.Draw }

func (d entriesDraw) Position(id sale.ID, buyer sale.Buyer, nonce [32]byte) int64 {
	return int64(d.draw.Position(line.NewEntry(string(id), string(buyer), nonce)))
}
