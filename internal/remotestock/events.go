package remotestock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// Events returns at most limit entries of the sale's stream after the one
// named, oldest first; after "" is the oldest that there is. The stream holds
// what no ledger has committed. An entry that can't be read comes with its fault.
func (s *Store) Events(ctx context.Context, id sale.ID, after string, limit int) ([]sale.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	from := "-"
	if after != "" {
		from = "(" + after
	}
	entries, err := s.client.XRangeN(ctx, keysOf(id).events, from, "+", int64(limit)).Result()
	if err != nil {
		return nil, fmt.Errorf("events: %w: %w", sale.ErrUnavailable, err)
	}
	events := make([]sale.Event, len(entries))
	for i, e := range entries {
		fields := make([]string, 0, 2*len(e.Values))
		for name, value := range e.Values {
			text, _ := value.(string)
			fields = append(fields, name, text)
		}
		events[i] = parseEvent(e.ID, fields)
	}
	return events, nil
}

// forgetAtOnce is how many entries one XDEL names: more would keep Redis from
// the claims for longer than a script call does.
const forgetAtOnce = 500

// Forget deletes exactly these entries from the sale's stream. Some of them may
// be gone already.
func (s *Store) Forget(ctx context.Context, id sale.ID, entries []string) error {
	for chunk := range slices.Chunk(entries, forgetAtOnce) {
		call, cancel := context.WithTimeout(ctx, s.config.Call)
		err := s.client.XDel(call, keysOf(id).events, chunk...).Err()
		cancel()
		if err != nil {
			return fmt.Errorf("forget: %w: %w", sale.ErrUnavailable, err)
		}
	}
	return nil
}

// Backlog says how many entries wait in the sale's stream, since when the
// oldest does (0: none waits), and Redis time.
func (s *Store) Backlog(ctx context.Context, id sale.ID) (entries int64, oldest, now sale.Instant, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	var length *redis.IntCmd
	var first *redis.XMessageSliceCmd
	var clock *redis.TimeCmd
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		length = p.XLen(ctx, keysOf(id).events)
		first = p.XRangeN(ctx, keysOf(id).events, "-", "+", 1)
		clock = p.Time(ctx)
		return nil
	})
	if err != nil {
		return 0, 0, 0, fmt.Errorf("backlog: %w: %w", sale.ErrUnavailable, err)
	}
	if head := first.Val(); len(head) > 0 {
		if oldest, err = entryTime(head[0].ID); err != nil {
			return 0, 0, 0, classify("backlog", err)
		}
	}
	return length.Val(), oldest, sale.Instant(clock.Val().UnixMilli()), nil
}

// entryTime is the Redis time in an entry's id.
func entryTime(id string) (sale.Instant, error) {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: stream entry %q", ErrReply, id)
	}
	return sale.Instant(n), nil
}

// parseEvent reads an entry: names and values in turn. A part that can't be
// read does not hide the others; nobody could wait for it to become readable.
func parseEvent(id string, fields []string) sale.Event {
	e := sale.Event{ID: id}
	var errs []error
	at, err := entryTime(id)
	e.At, errs = at, append(errs, err)
	if i := slices.Index(fields, "sale"); i >= 0 && i%2 == 0 {
		errs = append(errs, about(&e, fields[i+1], fields))
	} else {
		for i := 0; i+1 < len(fields); i += 2 {
			errs = append(errs, changed(&e, fields[i], fields[i+1]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		raw, jerr := json.Marshal(fields)
		e.Fault, e.Raw = err.Error(), string(raw)
		if jerr != nil {
			e.Fault += "; " + jerr.Error()
		}
	}
	return e
}

// changed reads one field of an entry about orders: an order id and its record,
// or "payment:" and a payment's id, and its record.
func changed(e *sale.Event, name, record string) error {
	if payment, is := strings.CutPrefix(name, "payment:"); is {
		p, err := parsePayment(sale.PaymentID(payment), record)
		if err == nil {
			e.Payments = append(e.Payments, p)
		}
		return err
	}
	o, err := parseOrder(sale.OrderID(name), record)
	if err == nil {
		e.Orders = append(e.Orders, o)
	}
	return err
}

// about reads an entry about the sale itself: "opened total now" with the
// definition in the other fields, "restocked delta total key", "closed now" or
// "reopened now".
func about(e *sale.Event, what string, fields []string) error {
	words := strings.SplitN(what, " ", 4)
	switch {
	case words[0] == "opened":
		d, err := parseSale(fields)
		if err != nil {
			return err
		}
		e.Opened = &d
		return nil
	case words[0] == "restocked" && len(words) == 4:
		delta, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: event %q", ErrReply, what)
		}
		e.Restock = &sale.Restock{Key: words[3], Delta: delta}
		return nil
	case words[0] == "closed", words[0] == "reopened":
		closed := words[0] == "closed"
		e.Closed = &closed
		return nil
	}
	return fmt.Errorf("%w: event %q", ErrReply, what)
}
