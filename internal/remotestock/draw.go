package remotestock

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// Draw takes the draw of a sale's line one step on, once however many call it, and returns the line
// as it is since. value is the list's hash or the beacon's value. Before a step is due nothing
// changes. The error is [sale.ErrConflict] where the step was taken with another value.
func (s *Store) Draw(ctx context.Context, id sale.ID, step sale.DrawStep, value string) (sale.Line, error) {
	r, err := s.ask(ctx, id, drawScript, 0, string(step), value)
	if err != nil {
		return sale.Line{}, err
	}
	outcome, err := r.text("outcome")
	fields, err2 := r.texts("line")
	if err := errors.Join(err, err2); err != nil {
		return sale.Line{}, classify("draw", err)
	}
	l, err := byName(fields).line()
	if err != nil {
		return sale.Line{}, classify("draw", fmt.Errorf("%w: %w", ErrReply, err))
	}
	if outcome == "differs" {
		return *l, sale.Conflict("the draw of sale %s has another %s already", id, step)
	}
	return *l, nil
}

// DrawnPlaces calls each for every buyer whose place was drawn, in pieces and in no order. Once the
// draw is frozen there come no more of them. A buyer may come twice.
func (s *Store) DrawnPlaces(ctx context.Context, id sale.ID, each func(sale.Buyer)) error {
	return s.scan(ctx, s.config.Prefix.Sale(id).Line, s.client.HScan, scanAtOnce, func(buyer, place string) error {
		p, err := sale.ParsePlace(place)
		if err == nil && p == sale.Drawn {
			each(sale.Buyer(buyer))
		}
		return err
	})
}
