package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// kept is what Redis has of one sale: the model, and what can happen to its stream.
type kept struct {
	*model.Sale
	torn    map[sale.Mark]bool    // entries of the stream that are lost
	faulty  map[sale.Mark]string  // those that can't be read, and why
	dropped map[sale.OrderID]bool // ended orders that its last reconciliation has removed
	old     bool                  // in the layout of an earlier version
	ledger  bool                  // it was reconciled for a site that has one
}

func newKept(m *model.Sale) *kept {
	return &kept{Sale: m, torn: map[sale.Mark]bool{}, faulty: map[sale.Mark]string{}, dropped: map[sale.OrderID]bool{}}
}

func (k *kept) clone() *kept {
	c := *k
	c.Sale, c.torn, c.faulty, c.dropped = k.Sale.Clone(), maps.Clone(k.torn), maps.Clone(k.faulty), maps.Clone(k.dropped)
	return &c
}

// stream is what is left of the stream.
func (k *kept) stream() []sale.Event {
	s := slices.DeleteFunc(k.Stream(), func(e sale.Event) bool { return k.torn[e.Mark] })
	for i, e := range s {
		if fault := k.faulty[e.Mark]; fault != "" {
			s[i] = sale.Event{ID: e.ID, At: e.At, Mark: e.Mark, Covered: e.Covered, Fault: fault, Raw: `["x"]`}
		}
	}
	return s
}

// tear loses entries of the stream, and leaves the others.
func (k *kept) tear(entries ...sale.Event) {
	for _, e := range entries {
		k.torn[e.Mark] = true
	}
}

// page is a page of what is left of the stream.
func (k *kept) page(after string, limit int) sale.Page {
	p, s := k.Page("", 0), k.stream()
	p.Waiting = int64(len(s))
	_, number, _ := strings.Cut(after, "-") // the model's entries end in the event's number
	seq, _ := strconv.ParseInt(number, 10, 64)
	s = slices.DeleteFunc(s, func(e sale.Event) bool { return e.Mark.Seq <= seq })
	p.Events = s[:min(limit, len(s))]
	return p
}

// state is what an adoption compares. A nil one is a sale that Redis does not have.
func (k *kept) state() sale.RedisState {
	switch {
	case k == nil:
		return sale.NotInRedis
	case k.old:
		return sale.OldLayout
	case k.Lost() == "":
		return "open"
	}
	return sale.ShutAt(k.Chain().Mark)
}

// adopt is the sale after a reconciliation of this one, which a nil one may be.
func (k *kept) adopt(id sale.ID, now sale.Instant, ledger bool, a sale.Adoption) (*kept, error) {
	if is := k.state(); is != a.Was {
		return nil, fmt.Errorf("sale %s is %s and not %s: %w", id, is, a.Was, sale.ErrStale)
	}
	next := newKept(model.New(sale.Sale{ID: id}, "nobody's", ledger))
	next.Now, next.ledger = now, a.Ledger
	next.Adopt(a.Records, a.Chain, a.Fence)
	orders := next.Records().Orders
	for id := range a.Records.Orders {
		if _, kept := orders[id]; !kept {
			next.dropped[id] = true
		}
	}
	return next, nil
}
