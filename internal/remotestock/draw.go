package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"onsale/internal/sale"
)

// Draw takes the draw of a sale's line one step on, once however many call it, and returns the line
// as it is since. value is the list's hash or the beacon's value. Before a step is due nothing
// changes. The error is [sale.ErrConflict] where the step was taken with another value, and
// [sale.ErrDrawing] where another caller of freeze reads the places for the list.
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
	switch outcome {
	case "differs":
		return *l, sale.Conflict("the draw of sale %s has another %s already", id, step)
	case "busy":
		return *l, sale.ErrDrawing
	}
	return *l, nil
}

// KeepEntries keeps a part of the sorted entries of the list that was published, of 32 bytes each: so they
// outlast the places that they stand for. list is the hash of all, and part counts from 1 on. The error is
// [sale.ErrConflict] where another list was published, and [sale.ErrUnavailable] where Redis has no memory
// for them.
func (s *Store) KeepEntries(ctx context.Context, id sale.ID, list string, part int, entries []byte) error {
	r, err := s.ask(ctx, id, drawScript, 0, "keep", list, part, entries)
	if err != nil {
		return err
	}
	outcome, err := r.text("outcome")
	if err == nil && outcome != "done" {
		err = sale.Conflict("the draw of sale %s has another list", id)
	}
	return classify("draw", err)
}

// partsAtOnce is how many parts one call reads. Raised, a call keeps Redis for longer; lowered, a list
// takes more calls.
const partsAtOnce = 8

// Entries calls each with the parts of the list that [Store.KeepEntries] has kept, in their order. Parts that
// were not kept, or are lost, are left out.
func (s *Store) Entries(ctx context.Context, id sale.ID, parts int, each func(entries []byte)) error {
	rest := s.config.Rest.Begin()
	for first := 1; first <= parts; first += partsAtOnce {
		names := make([]string, 0, partsAtOnce)
		for part := first; part < first+partsAtOnce && part <= parts; part++ {
			names = append(names, strconv.Itoa(part))
		}
		call, cancel := context.WithTimeout(ctx, s.config.Call)
		kept, err := s.client.HMGet(call, s.config.Prefix.Sale(id).Drawn, names...).Result()
		cancel()
		if err != nil {
			return fmt.Errorf("entries of the draw: %w: %w", sale.ErrUnavailable, err)
		}
		for _, part := range kept {
			if text, there := part.(string); there {
				each([]byte(text))
			}
		}
		if err := rest.Rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readList reads the list of a draw that a snapshot has, as it is kept.
func (s *Store) readList(ctx context.Context, id sale.ID, v *sale.Snapshot) error {
	if v.Line == nil || v.Line.List == "" {
		return nil
	}
	return s.Entries(ctx, id, sale.Parts(v.Line.Drawn), func(part []byte) { v.Entries = append(v.Entries, part...) })
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
