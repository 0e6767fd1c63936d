package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/internal/sale"
)

const (
	// scanAtOnce is how many fields one call of a scan reads. Raised, a scan keeps
	// Redis from the claims for longer at a time; lowered, it takes longer.
	scanAtOnce = 512
	// deadlinesScanned is the same for deadlines, each of which has the ids of up to
	// 1,000 holds.
	deadlinesScanned = 64
	// eventsAtOnce is how many events one call reads; each has up to 128 orders.
	eventsAtOnce = 32
	// copying is for how long events are copied for one snapshot. A million orders are read within a minute.
	copying = 5 * time.Minute
)

// scanCommand is HSCAN or ZSCAN.
type scanCommand = func(ctx context.Context, key string, cursor uint64, match string, count int64) *redis.ScanCmd

// errExpired: the copy of the events ended before the snapshot did.
var errExpired = errors.New("the snapshot took longer than its events are kept")

// Snapshot is all that Redis holds of the sale at one instant, read in pieces while
// the sale sells: see lua/snapshot.lua. It fails where something can't be read at
// all: see [ErrReply].
func (s *Store) Snapshot(ctx context.Context, id sale.ID) (sale.Snapshot, error) {
	v, err := s.snapshot(ctx, id)
	if err != nil {
		return v, fmt.Errorf("snapshot of sale %s: %w", id, err)
	}
	return v, nil
}

func (s *Store) snapshot(ctx context.Context, id sale.ID) (v sale.Snapshot, err error) {
	begun, err := s.askSnapshot(ctx, id, "begin", copying.Milliseconds())
	if err != nil {
		return v, err
	}
	until, err := begun.number("until")
	last, err2 := begun.text("last")
	if err := errors.Join(err, err2); err != nil {
		return v, err
	}
	defer func() {
		_, end := s.askSnapshot(context.WithoutCancel(ctx), id, "end", until)
		err = errors.Join(err, end)
	}()
	v = sale.Snapshot{
		Records: sale.NewRecords(), Buyers: map[sale.Buyer]sale.OrderID{},
		Live: map[sale.OrderID]sale.Buyer{}, Deadlines: map[sale.OrderID]sale.Instant{}, Listed: map[sale.PaymentID]sale.PaymentState{},
		Parts: map[sale.PaymentID]int64{},
	}
	if err := s.scanSale(ctx, s.config.Prefix.Sale(id), &v); err != nil {
		return v, err
	}
	var events []sale.Event
	for {
		r, err := s.askSnapshot(ctx, id, append([]any{"page", last, eventsAtOnce}, snapshotNames...)...)
		if err != nil {
			return v, err
		}
		page, err := r.entries()
		if err != nil {
			return v, err
		}
		events = append(events, page...)
		if len(page) < eventsAtOnce {
			if !follows(events, begun.mark, r.mark) {
				return v, errExpired
			}
			return v, s.finish(ctx, id, &v, r, events)
		}
		last = page[len(page)-1].ID
	}
}

// follows reports whether the events are all between two marks. Another reader's copy
// may have ended and begun anew meanwhile, and then some are missing.
func follows(events []sale.Event, from, to sale.Mark) bool {
	for i, e := range events {
		if e.Mark.Epoch != from.Epoch || e.Mark.Seq != from.Seq+int64(i)+1 {
			return false
		}
	}
	return from.Epoch == to.Epoch && to.Seq == from.Seq+int64(len(events))
}

// finish brings a scan to the instant of the last call, and reads what no ledger has
// committed by then. A ledger that commits meanwhile takes from the stream what its
// own record has.
func (s *Store) finish(ctx context.Context, id sale.ID, v *sale.Snapshot, r reply, events []sale.Event) error {
	fields, err := r.texts("sale")
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Fault != "" {
			return fmt.Errorf("%w: event %s: %s", ErrReply, e.ID, e.Fault)
		}
		v.Follow(e)
	}
	v.At, v.Chain.Mark = r.clock, r.mark
	if err := readFields(v, fields); err != nil {
		return err
	}
	if err := s.readList(ctx, id, v); err != nil {
		return err
	}
	// The ring goes on meanwhile: for an event that it no longer has it returns another link,
	// so only a sale that is shut is asked for one.
	call, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	if v.Links, err = s.client.Get(call, s.config.Prefix.Sale(id).Links).Result(); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("links: %w: %w", sale.ErrUnavailable, err)
	}
	for after := ""; ; {
		p, err := s.Page(ctx, id, after, eventsAtOnce)
		if err != nil {
			return err
		}
		for _, e := range p.Events {
			if v.Chain.Mark.Before(e.Mark) {
				return nil
			}
			v.Stream = append(v.Stream, e)
		}
		if len(p.Events) < eventsAtOnce {
			return nil
		}
		after = p.Events[len(p.Events)-1].ID
	}
}

func (s *Store) askSnapshot(ctx context.Context, id sale.ID, what ...any) (reply, error) {
	r, err := s.send(ctx, s.seen(id), snapshotScript, 0, append([]any{s.node, 0, ""}, what...))
	if err != nil {
		return r, unavailable(classify("snapshot", err))
	}
	if outcome, err := r.text("outcome"); err != nil || outcome != "done" {
		return r, errors.Join(err, errExpired)
	}
	return r, nil
}

// snapshotNames are the fields of {sale} that a snapshot reads, beside restocks.
var snapshotNames = append(slices.Clone(bookNames), "witness")

// restockOf reads a field of {sale} that is a restock. The others are not its business.
func restockOf(r *sale.Records, name, value string) error {
	key, is := strings.CutPrefix(name, "change:")
	if !is {
		return nil
	}
	delta, err := number(name, value)
	r.Restocks[key] = delta
	return err
}

// scanSale reads the restocks of a sale, and all of its keys but its hash and its stream,
// in pieces.
func (s *Store) scanSale(ctx context.Context, k keyspace.Sale, v *sale.Snapshot) error {
	restocks := func(name, value string) error { return restockOf(&v.Records, name, value) }
	buyers := func(buyer, entry string) error {
		o := sale.Order{Buyer: sale.Buyer(buyer)}
		if len(entry) < idLength {
			return fmt.Errorf("%w: the buyer %q has the order %q", ErrReply, buyer, entry)
		}
		o.ID = decodeID(entry[:idLength])
		if err := parseTerms(&o, entry[idLength:]); err != nil {
			return err
		}
		v.Buyers[o.Buyer], v.Orders[o.ID] = o.ID, o
		return nil
	}
	orders := func(id, value string) error {
		if !strings.HasPrefix(value, "\x01") {
			v.Live[decodeID(id)] = sale.Buyer(value)
			return nil
		}
		o, err := parseEnded(id, value)
		v.Orders[o.ID] = o
		return err
	}
	deadlines := func(ids, score string) error {
		at, err := strconv.ParseFloat(score, 64)
		for id := range slices.Chunk([]byte(ids), idLength) {
			v.Deadlines[decodeID(string(id))] = sale.Instant(at)
		}
		return err
	}
	payments := func(field, record string) error {
		if name, is := strings.CutPrefix(field, "r:"); is {
			return refunded(&v.Parts, sale.PaymentID(name), record)
		}
		return addPayment(v, field, record)
	}
	index := func(member, _ string) error {
		payment, state, err := listed(member)
		if state != "" {
			v.Listed[payment] = state
		}
		return err
	}
	places := func(buyer, place string) error {
		p, err := sale.ParsePlace(place)
		v.Place([]sale.Placement{{Buyer: sale.Buyer(buyer), Place: p}})
		return err
	}
	return errors.Join(
		s.scan(ctx, k.Sale, s.client.HScan, scanAtOnce, restocks),
		s.scan(ctx, k.Buyers, s.client.HScan, scanAtOnce, buyers), s.scan(ctx, k.Orders, s.client.HScan, scanAtOnce, orders),
		s.scan(ctx, k.Deadlines, s.client.ZScan, deadlinesScanned, deadlines), s.scan(ctx, k.Payments, s.client.HScan, scanAtOnce, payments),
		s.scan(ctx, k.Index, s.client.ZScan, scanAtOnce, index), s.scan(ctx, k.Line, s.client.HScan, scanAtOnce, places))
}

// scan reads a hash or a sorted set in pieces. What is there throughout is read;
// what comes or goes meanwhile may be.
func (s *Store) scan(ctx context.Context, key string, command scanCommand, atOnce int64, each func(name, value string) error) error {
	var errs []error
	reader := s.config.Rest.Begin()
	for cursor := uint64(0); ; {
		call, cancel := context.WithTimeout(ctx, s.config.Call)
		flat, next, err := command(call, key, cursor, "", atOnce).Result()
		cancel()
		if err != nil {
			return fmt.Errorf("scan: %w: %w", sale.ErrUnavailable, err)
		}
		for name, value := range pairs(flat) {
			errs = append(errs, each(name, value))
		}
		if cursor = next; cursor == 0 {
			return errors.Join(errs...)
		}
		if err := reader.Rest(ctx); err != nil {
			return err
		}
	}
}

// addPayment adds a field of a sale's payments to v. Fields of other kinds are left out.
func addPayment(v *sale.Snapshot, field, record string) error {
	name, is := strings.CutPrefix(field, "p:")
	if !is {
		return nil
	}
	p, err := parsePayment(sale.PaymentID(name), record)
	v.Payments[p.ID] = p
	return err
}

// readFields reads the sale's own hash: its definition, counters and chain.
func readFields(v *sale.Snapshot, fields []string) error {
	h := byName(fields)
	d, err := h.sale()
	c, err2 := h.counters()
	read, err3 := h.number("read")
	errs := []error{err, err2, err3}
	if d.HasLine() {
		v.Line, err = h.line()
		errs = append(errs, err)
		v.Lined = v.Line.Record()
	}
	v.Sale, v.Opened, v.Counters = d, d.Total, c
	v.Sale.Total = c.Total
	v.Chain.Life, v.Lost, v.Read = h["life"], h["lost"], read
	if w := h["witness"]; w != "" {
		if _, err := fmt.Sscanf(w, "%d %d %s", &v.Witness.Epoch, &v.Witness.Seq, &v.Witness.Link); err != nil {
			errs = append(errs, fmt.Errorf("the sale's witness is %q", w))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrReply, err)
	}
	return nil
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
