package remotestock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Page returns at most limit entries of the sale's stream after the one named,
// oldest first, and how far the sale's chain goes at the same instant; after "" is
// the oldest that there is. The stream holds what no ledger has committed. An entry
// that can't be read comes with its fault. A sale that is shut is read as well.
func (s *Store) Page(ctx context.Context, id sale.ID, after string, limit int) (sale.Page, error) {
	// No mark goes along: to read is no reason to shut a sale.
	r, err := s.send(ctx, s.seen(id), pageScript, 0, []any{s.node, 0, "", after, limit})
	if err != nil {
		return sale.Page{}, unavailable(classify("page", err))
	}
	p, err := r.page()
	return p, unavailable(classify("page", err))
}

func (r reply) page() (p sale.Page, err error) {
	var errs [5]error
	p.At, p.Chain.Mark = r.clock, r.mark // the entries' times are that clock's
	p.Chain.Life, errs[0] = r.text("life")
	p.Read, errs[1] = r.number("read")
	p.Lost, errs[2] = r.text("lost")
	p.Waiting, errs[3] = r.number("waiting")
	p.Events, errs[4] = r.entries()
	return p, errors.Join(errs[:]...)
}

// entries reads entries of a stream as scripts reply them.
func (r reply) entries() ([]sale.Event, error) {
	list, err := r.list("entries")
	if err != nil {
		return nil, err
	}
	events := make([]sale.Event, len(list))
	for i, raw := range list {
		if events[i], err = parseEntry(raw); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// Shut marks the sale as having lost data: nothing sells until it is reconciled.
func (s *Store) Shut(ctx context.Context, id sale.ID, why string) error {
	_, err := s.ask(ctx, id, shutScript, 0, why)
	return err
}

// forgetAtOnce is how many entries one XDEL names: more would keep Redis from
// the claims for longer than a script call does.
const forgetAtOnce = 500

// Forget records that a ledger has committed the chain up to this mark, and deletes
// exactly these entries from the sale's stream. Some of them may be gone already.
// The error is [sale.ErrLost] if the sale's chain is another one; it is shut then.
// A mark from before the sale was reconciled changes nothing.
func (s *Store) Forget(ctx context.Context, id sale.ID, committed sale.Chain, entries []string) error {
	for {
		n := min(len(entries), forgetAtOnce)
		args := []any{committed.Life, committed.Epoch, committed.Seq, committed.Link}
		for _, e := range entries[:n] {
			args = append(args, e)
		}
		if _, err := s.ask(ctx, id, forgetScript, 0, args...); err != nil {
			return unavailable(err)
		}
		if entries = entries[n:]; len(entries) == 0 {
			return nil
		}
	}
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

// parseEvent reads an entry: names and values in turn. A part that can't be
// read does not hide the others; nobody could wait for it to become readable.
func parseEvent(id string, fields []string) sale.Event {
	e := sale.Event{ID: id}
	var errs []error
	at, err := entryTime(id)
	e.At, errs = at, append(errs, err)
	var covered []string
	for name, value := range pairs(fields) {
		is, err := chained(&e, name, value)
		if !is {
			covered = append(covered, name, value)
			err = changed(&e, name, value)
		}
		errs = append(errs, err)
	}
	if e.Covered == "" {
		e.Covered = strings.Join(covered, "\n")
	}
	if len(covered) > 1 && covered[0] == "sale" {
		errs = append(errs, about(&e, covered[1], covered[2:]))
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

// chained reads a field about the event's place in the chain.
func chained(e *sale.Event, name, value string) (is bool, err error) {
	switch name {
	case "epoch":
		e.Mark.Epoch, err = strconv.ParseInt(value, 10, 64)
	case "seq":
		e.Mark.Seq, err = strconv.ParseInt(value, 10, 64)
	case "link":
		e.Mark.Link = value
	default:
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("%w: an event's %s is %q", ErrReply, name, value)
	}
	return true, err
}

// changed reads one field of an entry. Names that this version does not know are a
// later one's, and left alone.
func changed(e *sale.Event, name, value string) error {
	switch name {
	case "held", "orders":
		orders, ids, err := parseRows(value)
		e.Orders = append(e.Orders, orders...)
		if name == "held" { // the ids alone, see lua/chain.lua
			e.Covered = "held\n" + ids
		}
		return err
	case "reconciled":
		e.Reconciled = value
		return nil
	case "places":
		for place := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := number(name, place)
			if err != nil {
				return err
			}
			e.Places = append(e.Places, n)
		}
		return nil
	case "joined":
		joins, err := parseJoins(value)
		e.Joins = append(e.Joins, joins...)
		return err
	case "trace":
		e.Traces = sale.ParseTraces(value)
		return nil
	}
	if is, err := lined(&e.Lined, name, value); is {
		return err
	}
	payment, is := strings.CutPrefix(name, "payment:")
	if !is {
		return nil
	}
	p, err := parsePayment(sale.PaymentID(payment), value)
	if err == nil {
		e.Payments = append(e.Payments, p)
	}
	return err
}

// parseJoins reads buyers and their places, in turn.
func parseJoins(text string) ([]sale.Placement, error) {
	if text == "" { // the site has no ledger
		return nil, nil
	}
	parts := strings.Split(text, "\n")
	joins := make([]sale.Placement, 0, len(parts)/2)
	for pair := range slices.Chunk(parts, 2) {
		if len(pair) != 2 {
			return joins, fmt.Errorf("%w: %q has no place", ErrReply, pair[0])
		}
		place, err := sale.ParsePlace(pair[1])
		if err != nil {
			return joins, fmt.Errorf("%w: of %q: %w", ErrReply, pair[0], err)
		}
		joins = append(joins, sale.Placement{Buyer: sale.Buyer(pair[0]), Place: place})
	}
	return joins, nil
}

// lined reads a field about the line.
func lined(l *sale.LineRecord, name, value string) (is bool, err error) {
	switch name {
	case "front":
		l.Front, err = number(name, value)
	case "drawn":
		l.Frozen = true
		l.Drawn, err = number(name, value)
	case "list":
		l.List = value
	case "beacon_value":
		l.BeaconValue = value
	default:
		return false, nil
	}
	return true, err
}

// about reads an entry about the sale itself.
func about(e *sale.Event, what string, fields []string) error {
	values := map[string]string{}
	for name, value := range pairs(fields) {
		values[name] = value
	}
	switch what {
	case "opened":
		d, err := parseSale(fields)
		if err != nil {
			return err
		}
		e.Opened, e.Life = &d, values["life"]
	case "changed":
		d, err := parseSale(fields)
		if err != nil {
			return err
		}
		e.Changed = &d
	case "restocked":
		delta, err := strconv.ParseInt(values["delta"], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: a restock by %q", ErrReply, values["delta"])
		}
		e.Restock = &sale.Restock{Key: values["key"], Delta: delta}
	case "closed", "reopened":
		closed := what == "closed"
		e.Closed = &closed
	default:
		return fmt.Errorf("%w: an event about the sale is %q", ErrReply, what)
	}
	return nil
}

// Backlog is how many entries wait in the sale's stream, since when the oldest
// does (0: none waits), and Redis time.
func (s *Store) Backlog(ctx context.Context, id sale.ID) (entries int64, oldest, now sale.Instant, err error) {
	p, err := s.Page(ctx, id, "", 1)
	if err == nil && len(p.Events) > 0 {
		oldest = p.Events[0].At
	}
	return p.Waiting, oldest, p.At, err
}
