package draw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/line"
	"onsale/internal/sale"
)

// Store is where a sale's line is. Each call is bounded by its implementation or by its context.
type Store interface {
	// Draw takes the draw one step on, once however many call it, and returns the line as it is since.
	// Before a step is due nothing changes. It refuses with sale.ErrConflict if the step was taken with
	// another value, and with sale.ErrDrawing if another caller of freeze reads the places.
	Draw(ctx context.Context, id sale.ID, step sale.DrawStep, value string) (sale.Line, error)
	// DrawnPlaces calls each for every buyer whose place was drawn, in no order.
	DrawnPlaces(ctx context.Context, id sale.ID, each func(sale.Buyer)) error
	// KeepEntries keeps a part of the entries of the list that was published, from 1 on. It refuses
	// with sale.ErrConflict if another list was.
	KeepEntries(ctx context.Context, id sale.ID, list string, part int, entries []byte) error
	// Entries calls each with the parts that are kept, in their order. Some may be missing.
	Entries(ctx context.Context, id sale.ID, parts int, each func(entries []byte)) error
}

const (
	// renew is how often whoever reads the places shows that it is at it. Raised, it may count as
	// silent, and others read the places as well; lowered, the store gets more calls.
	renew = time.Second
	// call bounds a step.
	call = 2 * time.Second
)

// Due reports whether the list of a sale's draw has to be published.
func Due(d *sale.Sale, l *sale.Line, now sale.Instant) bool {
	return d.Admission == sale.AdmitLine && d.DrawAt != 0 && l.List == "" && now >= d.DrawAt
}

// Take freezes those who have joined, publishes the hash of their list, and keeps the list. now is the
// store's time. It returns the line as it is since. If another one is at it, nothing is to be done and
// there is no error. The list takes seconds where a million have joined.
//
// A list is published only with all places that were frozen: if the store has lost some, they come back
// by a reconciliation. Once the sale is open nobody waits for them any longer.
func Take(ctx context.Context, s Store, d *sale.Sale, now sale.Instant) (sale.Line, error) {
	l, err := freeze(ctx, s, d.ID)
	if errors.Is(err, sale.ErrDrawing) {
		return l, nil
	}
	if err != nil || !l.Over || l.List != "" {
		return l, err
	}
	entries, err := read(ctx, s, d, l.Drawn, func() error { _, err := freeze(ctx, s, d.ID); return err })
	if err != nil {
		return l, err
	}
	if n := int64(len(entries)); n < l.Drawn && now < d.Opens {
		return l, fmt.Errorf("of %d places that were frozen for the draw %d are there: run onsale reconcile %s --force, or it is drawn without them when the sale opens", l.Drawn, n, d.ID)
	}
	hash := line.HashEntries(entries).String()
	step, cancel := context.WithTimeout(ctx, call)
	defer cancel()
	if l, err = s.Draw(step, d.ID, sale.DrawList, hash); err != nil {
		return l, err
	}
	return l, keep(ctx, s, d.ID, hash, entries)
}

func freeze(ctx context.Context, s Store, id sale.ID) (sale.Line, error) {
	ctx, cancel := context.WithTimeout(ctx, call)
	defer cancel()
	return s.Draw(ctx, id, sale.DrawFreeze, "")
}

// read is the list of the places that are there. busy is called once a second meanwhile; that one of its
// calls failed has no consequence but that others read as well.
func read(ctx context.Context, s Store, d *sale.Sale, drawn int64, busy func() error) ([]line.Entry, error) {
	list, err := line.NewList(string(d.ID), string(d.LineSecret))
	if err != nil {
		return nil, err
	}
	list.Grow(int(drawn))
	last := time.Now()
	err = s.DrawnPlaces(ctx, d.ID, func(b sale.Buyer) {
		list.Add(string(b))
		if time.Since(last) > renew {
			_ = busy()
			last = time.Now()
		}
	})
	if err != nil {
		return nil, err
	}
	return list.Sorted(), nil
}

// keep keeps a list that was published.
func keep(ctx context.Context, s Store, id sale.ID, hash string, entries []line.Entry) error {
	part := make([]byte, 0, sale.EntriesAtOnce*len(line.Entry{}))
	for first := 0; first < len(entries); first += sale.EntriesAtOnce {
		part = part[:0]
		for _, e := range entries[first:min(len(entries), first+sale.EntriesAtOnce)] {
			part = append(part, e[:]...)
		}
		step, cancel := context.WithTimeout(ctx, call)
		err := s.KeepEntries(step, id, hash, 1+first/sale.EntriesAtOnce, part)
		cancel()
		if err != nil {
			return fmt.Errorf("the list of the draw is published, and can't be kept beside the places: %w", err)
		}
	}
	return nil
}
