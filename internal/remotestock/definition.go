package remotestock

import (
	"errors"
	"fmt"
	"strconv"

	"onsale/internal/sale"
)

// definitionArgs are a definition's fields as a script takes them.
func definitionArgs(d sale.Sale) []any { return arguments(d.Encode()) }

// bookNames are what read is asked for: the fields of a definition, and what
// changes in a sale's hash.
var bookNames = arguments(append(sale.FieldNames(), "total", "closed", "held", "paid"))

func arguments(texts []string) []any {
	args := make([]any, len(texts))
	for i, text := range texts {
		args[i] = text
	}
	return args
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

// definition reads the books that read replied. A field that is missing there
// is so in Redis: nothing ran, and asking again may be worth it.
func (r reply) definition() (sale.Sale, sale.Counters, error) {
	if len(r.rest) == 0 {
		return sale.Sale{}, sale.Counters{}, classify("read", fmt.Errorf("%w: no books", ErrReply))
	}
	pairs, err := texts(r.rest[0])
	if err != nil {
		return sale.Sale{}, sale.Counters{}, classify("read", err)
	}
	h := byName(pairs)
	d, err := h.sale()
	total, err2 := h.number("total")
	held, err3 := h.number("held")
	paid, err4 := h.number("paid")
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return sale.Sale{}, sale.Counters{}, fmt.Errorf("read: %w: %w", sale.ErrUnavailable, err)
	}
	d.Total = total
	return d, sale.Counters{Total: total, Remaining: r.reading.Remaining, Held: held, Paid: paid}, nil
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

func (h hash) number(name string) (int64, error) {
	n, err := strconv.ParseInt(h[name], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the sale's %s is no number: %q", name, h[name])
	}
	return n, nil
}
