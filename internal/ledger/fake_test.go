package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

var errDown = errors.New("down")

// redis is Redis as far as ledgers can see it: sales with their streams and chains, leases
// and the registry. One lock makes each call atomic, as a script is.
type redis struct {
	// before, if set, runs ahead of each call, outside the lock; its error is the call's.
	before func(ctx context.Context, op Op, id sale.ID) error
	// after, if set, runs after each call that succeeded; its error is a reply that is lost.
	after func(op Op, id sale.ID) error
	// forgets, if set, sees the entries that are about to be deleted.
	forgets func(doomed []sale.Event)

	mu      sync.Mutex
	sales   []sale.ID // that are listed
	kept    map[sale.ID]*kept
	yields  map[sale.ID]bool
	serial  int
	leases  map[sale.ID]holder
	token   sale.Generation
	members map[string]time.Time // of the registry
	reads   []string             // "after" of every read

	news, hot []sale.ID // the feeds; a number is how many were seen
	glanced   int       // how many glances there were
}

// kept is what Redis has of one sale.
type kept struct {
	stream  []sale.Event
	records sale.Records // what became of every event
	chain   sale.Chain
	links   map[int64]string // of the events of this epoch
	read    int64
	lost    string
	old     bool // in the layout of an earlier version
	ledger  bool
}

func (k *kept) clone() *kept {
	c := *k
	c.stream, c.records, c.links = slices.Clone(k.stream), k.records.Clone(), maps.Clone(k.links)
	return &c
}

// append adds an event to the chain and to the stream.
func (k *kept) append(e sale.Event) {
	e.Covered = fmt.Sprint(e.Orders, e.Payments, e.Opened, e.Restock, e.Closed, e.Reconciled)
	k.chain.Mark = k.chain.Next(e.Covered)
	e.Mark = k.chain.Mark
	k.links[e.Mark.Seq] = e.Mark.Link
	k.stream = append(k.stream, e)
	k.records.Apply(e)
}

type holder struct {
	name  string
	token sale.Generation
	until time.Time
}

func newRedis() *redis {
	return &redis{
		kept: map[sale.ID]*kept{}, yields: map[sale.ID]bool{},
		leases: map[sale.ID]holder{}, members: map[string]time.Time{}, token: 10,
	}
}

func (r *redis) with(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

func (r *redis) call(ctx context.Context, op Op, id sale.ID, do func() error) error {
	if r.before != nil {
		if err := r.before(ctx, op, id); err != nil {
			return err
		}
	}
	err := func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		return do()
	}()
	if err == nil && r.after != nil {
		err = r.after(op, id)
	}
	return err
}

// about is a call about a sale that Redis must have.
func (r *redis) about(ctx context.Context, op Op, id sale.ID, do func(*kept) error) error {
	return r.call(ctx, op, id, func() error {
		k := r.kept[id]
		switch {
		case k == nil:
			return sale.NoSale(string(id))
		case k.old:
			return sale.Lost(string(id), errors.New("it was written by another version"))
		}
		return do(k)
	})
}

// open opens a new sale of a thousand tickets.
func (r *redis) open() sale.ID {
	id := newID()
	r.openAs(id, 1_000)
	return id
}

func (r *redis) openAs(id sale.ID, total int64) {
	d := newSale(id, total)
	r.with(func() {
		if !slices.Contains(r.sales, id) {
			r.sales = append(r.sales, id)
		}
		r.serial++
		life := fmt.Sprint("life-", r.serial)
		r.kept[id] = &kept{
			records: sale.NewRecords(), links: map[int64]string{}, ledger: true,
			chain: sale.Chain{Life: life, Mark: sale.Mark{Epoch: 1, Link: life}},
		}
	})
	r.emit(id, sale.Event{Opened: &d})
}

// emit appends an event to a sale's stream, as a script does.
func (r *redis) emit(id sale.ID, e sale.Event) {
	r.with(func() {
		r.serial++
		e.ID, e.At = fmt.Sprintf("%012d-0", r.serial), start+sale.Instant(r.serial)
		r.kept[id].append(e)
	})
}

// hold appends an event with one new hold, and returns it.
func (r *redis) hold(id sale.ID) sale.Order { return r.holdFor(id, string(newOrderID())) }

func (r *redis) holdFor(id sale.ID, buyer string) sale.Order {
	o := newOrder(buyer, start)
	r.emit(id, sale.Event{Orders: []sale.Order{o}})
	return o
}

// move appends an event with which an order comes to another state.
func (r *redis) move(id sale.ID, o sale.Order, to sale.State) sale.Order {
	o = in(o, to)
	r.emit(id, sale.Event{Orders: []sale.Order{o}})
	return o
}

// pay appends an event with which an order is paid.
func (r *redis) pay(id sale.ID, o sale.Order, payment string) sale.Payment {
	o, p := in(o, sale.StatePaid), newPayment(o, payment, start)
	r.emit(id, sale.Event{Orders: []sale.Order{o}, Payments: []sale.Payment{p}})
	return p
}

// save is what Redis has of the sale now, and load brings it back to that; nil: it has nothing.
func (r *redis) save(id sale.ID) (k *kept) {
	r.with(func() {
		if r.kept[id] != nil {
			k = r.kept[id].clone()
		}
	})
	return k
}

func (r *redis) load(id sale.ID, k *kept) {
	r.with(func() {
		if delete(r.kept, id); k != nil {
			r.kept[id] = k.clone()
		}
	})
}

func (r *redis) waiting(id sale.ID) (n int) {
	r.with(func() {
		if k := r.kept[id]; k != nil {
			n = len(k.stream)
		}
	})
	return n
}

// lost is why the sale is shut.
func (r *redis) lost(id sale.ID) string { return r.save(id).lost }

// truth is what all events of the sale come to.
func (r *redis) truth(id sale.ID) (truth sale.Records) {
	r.with(func() { truth = r.kept[id].records.Clone() })
	return truth
}

func (r *redis) Sales(ctx context.Context) (ids []sale.ID, err error) {
	err = r.call(ctx, OpSales, "", func() error { ids = slices.Clone(r.sales); return nil })
	return ids, err
}

func (r *redis) News(_ context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	r.with(func() { ids, next = slices.Clone(r.news[after:]), int64(len(r.news)) })
	return ids, next, false, nil
}

func (r *redis) Hot(_ context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	r.with(func() { ids, next = slices.Clone(r.hot[after:]), int64(len(r.hot)) })
	return ids, next, false, nil
}

func (r *redis) Glances(_ context.Context, ids []sale.ID) ([]sale.Glance, []error) {
	glances, errs := make([]sale.Glance, len(ids)), make([]error, len(ids))
	r.with(func() {
		r.glanced += len(ids)
		for i, id := range ids {
			if k := r.kept[id]; k == nil {
				errs[i] = sale.NoSale(string(id))
			} else {
				glances[i] = sale.Glance{Chain: k.chain, Read: k.read, Lost: k.lost}
			}
		}
	})
	return glances, errs
}

func (r *redis) Page(ctx context.Context, id sale.ID, after string, limit int) (p sale.Page, err error) {
	op := OpEvents
	if limit == 1 {
		op = OpBacklog
	}
	err = r.about(ctx, op, id, func(k *kept) error {
		if op == OpEvents {
			r.reads = append(r.reads, after)
		}
		p = sale.Page{At: start.Add(time.Hour), Chain: k.chain, Read: k.read, Lost: k.lost, Waiting: int64(len(k.stream))}
		for _, e := range k.stream {
			if e.ID > after && len(p.Events) < limit {
				p.Events = append(p.Events, e)
			}
		}
		return nil
	})
	return p, err
}

func (r *redis) Forget(ctx context.Context, id sale.ID, c sale.Chain, entries []string) error {
	if r.forgets != nil {
		var doomed []sale.Event
		r.with(func() {
			for _, e := range r.kept[id].stream {
				if slices.Contains(entries, e.ID) {
					doomed = append(doomed, e)
				}
			}
		})
		r.forgets(doomed)
	}
	return r.about(ctx, OpForget, id, func(k *kept) error {
		link, known := k.links[c.Seq]
		if c.Life != k.chain.Life || c.Seq > k.chain.Seq || known && link != c.Link {
			k.lost = fmt.Sprintf("the ledger has committed another event %d", c.Seq)
		}
		if k.lost != "" {
			return sale.Lost(string(id), errors.New(k.lost))
		}
		k.read = max(k.read, c.Seq)
		k.stream = slices.DeleteFunc(k.stream, func(e sale.Event) bool { return slices.Contains(entries, e.ID) })
		return nil
	})
}

func (r *redis) Yielded(ctx context.Context, id sale.ID) (yes bool, err error) {
	err = r.call(ctx, OpLease, id, func() error { yes = r.yields[id]; return nil })
	return yes, err
}

func (r *redis) Shut(ctx context.Context, id sale.ID, why string) error {
	return r.about(ctx, OpShut, id, func(k *kept) error {
		if k.lost == "" {
			k.lost = why
		}
		return nil
	})
}
