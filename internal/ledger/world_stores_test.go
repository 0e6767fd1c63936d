package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// fault is what happens at a call of a reconciliation, once.
type fault struct{ at, what string }

var (
	errCrash   = errors.New("crash")
	faultCalls = []string{"time", "chain", "book", "page", "shut", "snapshot", "holds", "unite", "adopt"}
	faultKinds = []string{"before", "after", "meanwhile"}
)

func (w *world) call(name string, do func() error) error {
	if w.fault.at != name {
		return do()
	}
	w.count("reconciliation: %s %s", w.fault.what, name)
	w.fault.at = ""
	switch w.fault.what {
	case "before":
		return errCrash
	case "after":
		return errors.Join(do(), errCrash)
	}
	w.lose()
	return do()
}

// The world is the [Stock], [Record] and [Memory] of a reconciliation.

func (w *world) Time(context.Context) (sale.Instant, error) {
	return w.now, w.call("time", func() error { return nil })
}

func (w *world) Page(_ context.Context, _ sale.ID, after string, limit int) (p sale.Page, err error) {
	err = w.call("page", func() error {
		if w.redis == nil {
			return sale.ErrNoSale
		}
		p = w.redis.page(after, limit)
		return nil
	})
	return p, err
}

func (w *world) Shut(_ context.Context, _ sale.ID, why string) error {
	return w.call("shut", func() error {
		if w.redis == nil {
			return sale.ErrNoSale
		}
		w.redis.Shut(why)
		return nil
	})
}

func (w *world) Snapshot(context.Context, sale.ID) (v sale.Snapshot, err error) {
	err = w.call("snapshot", func() error {
		if w.redis == nil {
			return sale.ErrNoSale
		}
		v = w.redis.Sale.Snapshot()
		w.reads(v.Records, v.Chain.Mark)
		w.linkAt = func(m sale.Mark) (string, bool) {
			link, known := v.LinkAt(m.Seq)
			return link, known && m.Epoch == v.Chain.Epoch
		}
		return nil
	})
	return v, err
}

func (w *world) reads(r sale.Records, m sale.Mark) {
	if w.had = append(w.had, r); w.tip.Before(m) {
		w.tip = m
	}
}

func (w *world) Former(context.Context, sale.ID) (sale.Snapshot, error) {
	return sale.Snapshot{}, errors.New("no earlier version wrote this sale")
}

func (w *world) Adopt(_ context.Context, _ sale.ID, a sale.Adoption) error {
	return w.call("adopt", func() error {
		next, err := w.redis.adopt("s", w.now, true, a)
		if err != nil {
			w.count("adopt finds another Redis")
			return err
		}
		for _, n := range w.nodes {
			if n.seen.Epoch >= a.Chain.Epoch || n.seen.Seq > a.Chain.Seq {
				w.t.Fatalf("the sale goes on from %+v, and %s has seen %+v", a.Chain, n.name, n.seen)
			}
		}
		w.redis, w.written = next, true
		maps.Copy(w.dropped, next.dropped)
		w.acknowledged[next.Chain().Mark] = map[*ack]bool{}
		w.saves = append(w.saves, w.redis.clone())
		return nil
	})
}

func (w *world) Holds(context.Context, sale.ID) (holds []reconcile.Hold, seen []sale.Mark, err error) {
	err = w.call("holds", func() error {
		holds, seen = w.remembered()
		return nil
	})
	return holds, seen, err
}

func (w *world) remembered() (holds []reconcile.Hold, seen []sale.Mark) {
	for _, n := range w.nodes {
		for _, h := range n.ring {
			if w.now <= h.since.Add(time.Minute) {
				holds = append(holds, reconcile.Hold{Order: h.order, Mark: h.mark, Again: h.again, Life: n.life, Node: n.name})
			}
		}
		if n.seen.Seq > 0 {
			seen = append(seen, n.seen)
		}
	}
	return holds, seen
}

func (w *world) Chain(context.Context, sale.ID) (c sale.Chain, err error) {
	err = w.call("chain", func() error {
		if c = w.ledger.chain; !w.ledger.found {
			return sale.ErrNoSale
		}
		return nil
	})
	return c, err
}

func (w *world) Book(context.Context, sale.ID) (b sale.Book, err error) {
	err = w.call("book", func() error {
		if !w.ledger.found {
			return sale.ErrNoSale
		}
		b.Records = w.ledger.records.Clone()
		w.book = w.ledger.chain.Mark
		w.reads(b.Records, w.book)
		return nil
	})
	return b, err
}

func (w *world) Unite(_ context.Context, _ sale.ID, _ sale.Generation, u Union) error {
	return w.call("unite", func() error {
		if w.ledger.chain != u.Was || w.ledger.found && w.ledger.chain.Epoch >= u.Chain.Epoch {
			w.count("unite finds another ledger")
			return fmt.Errorf("the record is at %+v: %w", w.ledger.chain, sale.ErrStale)
		}
		changes := u.Changes()
		r := &w.ledger.records
		r.Sale, r.Opened = u.Records.Sale, u.Opened
		for _, c := range changes.Orders {
			r.Orders[c.ID] = c.Order
		}
		for _, p := range changes.Payments {
			r.Payments[p.ID] = p.Payment
		}
		for _, c := range changes.Restocks {
			r.Restocks[c.Key] = c.Delta
		}
		w.ledger.chain, w.ledger.found, w.written = u.Chain, true, true
		w.backups = append(w.backups, w.ledger.clone())
		return nil
	})
}
