package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
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
	now     sale.Instant // Redis time
	leases  map[sale.ID]holder
	token   sale.Generation
	members map[string]time.Time // of the registry
	reads   []string             // "after" of every read

	news, hot []sale.ID // the feeds; a number is how many were seen
	glanced   int       // how many glances there were
}

type holder struct {
	name  string
	token sale.Generation
	until time.Time
}

func newRedis() *redis {
	return &redis{
		kept: map[sale.ID]*kept{}, yields: map[sale.ID]bool{},
		leases: map[sale.ID]holder{}, members: map[string]time.Time{}, token: 10, now: newSale("", 0).Opens,
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
		r.now++
		k.Now = r.now
		return do(k)
	})
}

// open opens a new sale of more tickets than a test sells.
func (r *redis) open() sale.ID {
	id := newID()
	r.openAs(id, 1_000_000)
	return id
}

func (r *redis) openAs(id sale.ID, total int64) {
	d := newSale(id, total)
	r.with(func() {
		if !slices.Contains(r.sales, id) {
			r.sales = append(r.sales, id)
		}
		r.now++
		// It sells at once, so that tests need no reader first.
		r.kept[id] = newKept(model.New(d, fmt.Sprint("life-", r.now), false))
	})
}

// change makes a call that buyers, providers or operators have nodes make, a millisecond later.
func change[T any](r *redis, id sale.ID, call func(*kept) (T, error)) (got T) {
	r.with(func() {
		r.now++
		k := r.kept[id]
		k.Now = r.now
		var err error
		if got, err = call(k); err != nil {
			panic(fmt.Sprintf("sale %s: %v", id, err))
		}
	})
	return got
}

// hold sells two tickets to a new buyer.
func (r *redis) hold(id sale.ID) sale.Order { return r.holdFor(id, string(newOrderID())) }

func (r *redis) holdFor(id sale.ID, buyer string) sale.Order {
	d := r.claim(id, buyer)
	if d.Outcome != sale.Held {
		panic(fmt.Sprintf("hold for %s: got %v", buyer, d.Outcome))
	}
	return d.Order
}

func (r *redis) claim(id sale.ID, buyer string) sale.Decision {
	return change(r, id, func(k *kept) (sale.Decision, error) {
		d, err := k.Decide([]sale.Claim{{Order: newOrderID(), Buyer: sale.Buyer(buyer), Quantity: 2}}, false)
		return d[0], err
	})
}

func (r *redis) cancel(id sale.ID, o sale.Order) {
	change(r, id, func(k *kept) (sale.Order, error) { return k.Cancel(o.ID, o.Buyer) })
}

func (r *redis) expire(id sale.ID, o sale.Order) {
	change(r, id, func(k *kept) ([]sale.Order, error) { return k.Expire(o.ID) })
}

func (r *redis) refund(id sale.ID, o sale.Order) {
	change(r, id, func(k *kept) (sale.Refund, error) { return k.Refund(o.ID) })
}

func (r *redis) restock(id sale.ID, key string, delta int64) {
	change(r, id, func(k *kept) (int64, error) { return k.Restock(delta, key) })
}

// pay pays an order.
func (r *redis) pay(id sale.ID, o sale.Order, payment string) {
	change(r, id, func(k *kept) (sale.Receipt, error) { return k.Pay(newPayment(o, payment, 0)) })
}

// tear loses all entries of the stream from one on, or so many.
func (r *redis) tear(id sale.ID, from int, n ...int) {
	r.with(func() {
		s := r.kept[id].stream()[from:]
		if len(n) > 0 {
			s = s[:n[0]]
		}
		r.kept[id].tear(s...)
	})
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
			n = len(k.stream())
		}
	})
	return n
}

// lost is why the sale is shut.
func (r *redis) lost(id sale.ID) string { return r.save(id).Lost() }

// truth is what all events of the sale come to.
func (r *redis) truth(id sale.ID) (truth sale.Records) {
	r.with(func() { truth = r.kept[id].Records() })
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
				glances[i] = sale.Glance{Chain: k.Chain(), Read: k.Read(), Lost: k.Lost()}
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
		p = k.page(after, limit)
		return nil
	})
	return p, err
}

func (r *redis) Forget(ctx context.Context, id sale.ID, c sale.Chain, entries []string) error {
	named := func(e sale.Event) bool { return slices.Contains(entries, e.ID) }
	if r.forgets != nil {
		var doomed []sale.Event
		r.with(func() { doomed = slices.DeleteFunc(r.kept[id].stream(), func(e sale.Event) bool { return !named(e) }) })
		r.forgets(doomed)
	}
	return r.about(ctx, OpForget, id, func(k *kept) error {
		rest := len(slices.DeleteFunc(k.stream(), named))
		err := k.Forget(c)
		if left := len(k.stream()); err == nil && left != rest {
			return fmt.Errorf("%d entries are left after %v, and %d were not named", left, c, rest)
		}
		return err
	})
}

func (r *redis) Yielded(ctx context.Context, id sale.ID) (yes bool, err error) {
	err = r.call(ctx, OpLease, id, func() error { yes = r.yields[id]; return nil })
	return yes, err
}

func (r *redis) Shut(ctx context.Context, id sale.ID, why string) error {
	return r.about(ctx, OpShut, id, func(k *kept) error { k.Shut(why); return nil })
}
