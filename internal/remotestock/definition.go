package remotestock

import (
	"errors"
	"fmt"
	"strconv"

	"onsale/internal/sale"
)

// definitionArgs are a definition's fields as a script takes them.
func definitionArgs(d sale.Sale) []any { return anys(d.Encode()) }

// bookNames are what read is asked for: the fields of a definition, and what
// changes in a sale's hash.
var bookNames = anys(append(sale.FieldNames(), "total", "remaining", "closed", "held", "paid", "life", "ledger", "read", "lost",
	"joined", "drawn", "turn", "front", "front_at", "list", "beacon_value"))

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// parseSale reads a definition from names and values, as open writes them to
// the sale's hash and to its stream. Total is what it was opened with.
func parseSale(fields []string) (sale.Sale, error) {
	d, err := byName(fields).sale()
	if err != nil {
		return d, fmt.Errorf("%w: %w", ErrReply, err)
	}
	return d, nil
}

// books reads what read replied of the sale's hash. A field that is missing there
// is so in Redis: nothing ran, and asking again may be worth it.
func (r *reply) books() (hash, sale.Sale, sale.Counters, error) {
	fields, err := r.texts("sale")
	if err != nil {
		return nil, sale.Sale{}, sale.Counters{}, classify("read", err)
	}
	h := byName(fields)
	d, err := h.sale()
	c, err2 := h.counters()
	if err := errors.Join(err, err2); err != nil {
		return nil, d, c, fmt.Errorf("read: %w: %w", sale.ErrUnavailable, err)
	}
	d.Total = c.Total
	if d.HasLine() {
		if r.reading.Line, err = h.line(); err != nil {
			return nil, d, c, fmt.Errorf("read: %w: %w", sale.ErrUnavailable, err)
		}
	}
	return h, d, c, nil
}

// hash is a sale's hash, or the part of it that stands in a stream entry.
type hash map[string]string

func byName(pairs []string) hash {
	h := make(hash, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

// sale is the definition in the hash, and whether it is closed.
func (h hash) sale() (sale.Sale, error) {
	d, err := sale.DecodeSale(func(name string) (string, bool) { v, ok := h[name]; return v, ok })
	closed, ok := h["closed"]
	if !ok {
		err = errors.Join(err, errors.New("the definition lacks closed"))
	}
	d.Closed = closed == "1"
	return d, err
}

func (h hash) counters() (c sale.Counters, err error) {
	var errs [4]error
	c.Total, errs[0] = h.number("total")
	c.Remaining, errs[1] = h.number("remaining")
	c.Held, errs[2] = h.number("held")
	c.Paid, errs[3] = h.number("paid")
	return c, errors.Join(errs[:]...)
}

// line is the line's part of the hash. A field that is missing is 0, and a draw that is missing
// has not been.
func (h hash) line() (*sale.Line, error) {
	var l sale.Line
	var faults []error
	_, l.Over = h["drawn"]
	l.List, l.BeaconValue = h["list"], h["beacon_value"]
	for name, into := range map[string]*int64{
		"joined": &l.Joined, "drawn": &l.Drawn, "turn": &l.Turn, "front": &l.Front, "front_at": (*int64)(&l.FrontAt),
	} {
		if h[name] == "" {
			continue
		}
		var err error
		*into, err = h.number(name)
		faults = append(faults, err)
	}
	return &l, errors.Join(faults...)
}

func (h hash) number(name string) (int64, error) {
	n, err := strconv.ParseInt(h[name], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the sale's %s is no number: %q", name, h[name])
	}
	return n, nil
}
