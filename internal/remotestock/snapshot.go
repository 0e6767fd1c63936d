package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Snapshot is all that Redis holds of the sale, at one instant. It fails where
// something can't be read at all: see [ErrReply].
func (s *Store) Snapshot(ctx context.Context, id sale.ID) (sale.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	k := keysOf(id)
	raw, err := snapshotScript.Call(ctx, s.client, []string{k.sale, k.buyers, k.orders, k.deadlines, k.events, k.payments}, nil)
	if err != nil {
		return sale.Snapshot{}, fmt.Errorf("snapshot: %w: %w", sale.ErrUnavailable, err)
	}
	v, err := parseSnapshot(raw)
	if err != nil {
		return v, fmt.Errorf("snapshot of sale %s: %w", id, err)
	}
	return v, nil
}

func parseSnapshot(raw []any) (sale.Snapshot, error) {
	v := sale.Snapshot{Records: sale.NewRecords(), Buyers: map[sale.Buyer]sale.OrderID{}, Deadlines: map[sale.OrderID]sale.Instant{}}
	if len(raw) != 7 {
		return v, fmt.Errorf("%w: %d parts, want 7", ErrReply, len(raw))
	}
	now, isTime := raw[0].(int64)
	definition, err := texts(raw[1])
	buyers, err2 := texts(raw[2])
	orders, err3 := texts(raw[3])
	deadlines, err4 := texts(raw[4])
	payments, err5 := texts(raw[6])
	entries, isList := raw[5].([]any)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil || !isTime || !isList {
		return v, errors.Join(fmt.Errorf("%w: a part of another type", ErrReply), err)
	}
	if len(definition) == 0 {
		return v, sale.ErrNoSale
	}
	v.At = sale.Instant(now)
	for name, id := range pairs(buyers) {
		v.Buyers[sale.Buyer(name)] = sale.OrderID(id)
	}
	var errs []error
	for id, record := range pairs(orders) {
		o, err := parseOrder(sale.OrderID(id), record)
		v.Orders[sale.OrderID(id)], errs = o, append(errs, err)
	}
	for id, score := range pairs(deadlines) {
		at, err := strconv.ParseFloat(score, 64)
		v.Deadlines[sale.OrderID(id)], errs = sale.Instant(at), append(errs, err)
	}
	for field, record := range pairs(payments) {
		if name, is := strings.CutPrefix(field, "p:"); is {
			p, err := parsePayment(sale.PaymentID(name), record)
			v.Payments[p.ID], errs = p, append(errs, err)
		}
	}
	for _, entry := range entries {
		e, err := parseEntry(entry)
		v.Stream, errs = append(v.Stream, e), append(errs, err)
	}
	return v, errors.Join(append(errs, readBooks(&v, definition))...)
}

// readBooks reads the sale's own hash: its definition, counters and restocks.
func readBooks(v *sale.Snapshot, fields []string) error {
	var errs []error
	var err error
	v.Sale, err = parseSale(fields)
	errs = append(errs, err)
	v.Opened = v.Sale.Total
	counters := map[string]*int64{
		"total": &v.Counters.Total, "remaining": &v.Counters.Remaining, "held": &v.Counters.Held, "paid": &v.Counters.Paid,
	}
	for name, value := range pairs(fields) {
		if at, is := counters[name]; is {
			*at, err = strconv.ParseInt(value, 10, 64)
			errs = append(errs, err)
		}
		if key, is := strings.CutPrefix(name, "change:"); is {
			v.Restocks[key], err = strconv.ParseInt(value, 10, 64)
			errs = append(errs, err)
		}
	}
	v.Sale.Total = v.Counters.Total
	return errors.Join(errs...)
}

// parseEntry reads an entry of a stream as a script replies it: its id, and
// names and values in turn.
func parseEntry(raw any) (sale.Event, error) {
	entry, ok := raw.([]any)
	if !ok || len(entry) != 2 {
		return sale.Event{}, fmt.Errorf("%w: a stream entry is a %T", ErrReply, raw)
	}
	id, ok := entry[0].(string)
	fields, err := texts(entry[1])
	if !ok || err != nil {
		return sale.Event{}, errors.Join(fmt.Errorf("%w: a stream entry's id is a %T", ErrReply, entry[0]), err)
	}
	return parseEvent(id, fields), nil
}

// texts is a list of strings in a script's reply.
func texts(raw any) ([]string, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: a %T, want a list", ErrReply, raw)
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("%w: element %d is a %T, want a string", ErrReply, i, v)
		}
	}
	return out, nil
}

// pairs goes through names and values in turn.
func pairs(flat []string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for pair := range slices.Chunk(flat, 2) {
			if len(pair) == 2 && !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}
