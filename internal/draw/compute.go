package draw

import (
	"context"
	"fmt"

	"onsale/internal/line"
	"onsale/internal/sale"
)

// Entries are those whose hash was published, sorted. They are read from the list that was kept; if it
// is not whole, from the places, and kept again. The error is not nil if neither has that hash. missed is
// why a list that was read from the places could not be kept, or nil.
func Entries(ctx context.Context, s Store, d *sale.Sale, l *sale.Line) (entries []line.Entry, missed, err error) {
	entries = make([]line.Entry, 0, l.Drawn)
	err = s.Entries(ctx, d.ID, sale.Parts(l.Drawn), func(part []byte) {
		for size := len(line.Entry{}); len(part) >= size; part = part[size:] {
			entries = append(entries, line.Entry(part[:size]))
		}
	})
	if err != nil || line.HashEntries(entries).String() == l.List {
		return entries, nil, err
	}
	if entries, err = read(ctx, s, d, l.Drawn, func() error { return nil }); err != nil {
		return nil, nil, err
	}
	if line.HashEntries(entries).String() != l.List {
		return nil, nil, sale.Conflict("neither the list that was kept nor the places of sale %s are what was published: run onsale reconcile %s --force", d.ID, d.ID)
	}
	return entries, keep(ctx, s, d.ID, l.List, entries), nil
}

// Compute is the order of those who were drawn, once the line is settled: see [Entries].
func Compute(ctx context.Context, s Store, d *sale.Sale, l *sale.Line) (draw *line.Draw, missed, err error) {
	seed, err := line.ParseHash(string(d.LineSeed))
	if err != nil {
		return nil, nil, fmt.Errorf("the seed: %w", err)
	}
	entries, missed, err := Entries(ctx, s, d, l)
	if err != nil {
		return nil, nil, err
	}
	return line.NewDraw(line.Seed(seed), []byte(l.BeaconValue), entries), missed, nil
}
