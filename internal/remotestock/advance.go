package remotestock

import (
	"context"

	"onsale/internal/sale"
)

// Advance moves the front of a sale's line on, at most once in a second however many call it, and
// returns it. known is the front that the caller knows of: Redis may have lost it.
func (s *Store) Advance(ctx context.Context, id sale.ID, known int64) (front int64, reading sale.Reading, err error) {
	r, err := s.ask(ctx, id, advanceScript, 0, known)
	if err != nil {
		return 0, sale.Reading{}, err
	}
	front, err = r.number("front")
	return front, r.reading, classify("advance", err)
}
