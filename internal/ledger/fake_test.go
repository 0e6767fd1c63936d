package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"onsale/internal/lease"
	"onsale/internal/sale"
)

var errDown = errors.New("down")

// redis is Redis as far as ledgers can see it: streams, leases and the registry. One lock makes
// each call atomic, as a script is.
type redis struct {
	// before, if set, runs ahead of each call, outside the lock; its error is the call's.
	before func(ctx context.Context, op Op, id sale.ID) error
	// forgets, if set, sees the entries that are about to be deleted.
	forgets func(doomed []sale.Event)

	mu      sync.Mutex
	sales   []sale.ID
	streams map[sale.ID][]sale.Event
	records map[sale.ID]*sale.Records // what became of every entry, for snapshots
	serial  int
	leases  map[sale.ID]holder
	token   sale.Generation
	members map[string]time.Time // of the registry
	reads   []string             // "after" of every read
}

type holder struct {
	name  string
	token sale.Generation
	until time.Time
}

func newRedis() *redis {
	return &redis{
		streams: map[sale.ID][]sale.Event{}, records: map[sale.ID]*sale.Records{},
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// open opens a new sale of a thousand tickets.
func (r *redis) open() sale.ID {
	id := newID()
	r.with(func() {
		r.sales = append(r.sales, id)
		records := sale.NewRecords()
		r.records[id] = &records
	})
	d := newSale(id, 1_000)
	r.tell(id, sale.Event{Opened: &d})
	return id
}

// tell appends an entry to a sale's stream.
func (r *redis) tell(id sale.ID, e sale.Event) {
	r.with(func() {
		r.serial++
		e.ID, e.At = fmt.Sprintf("%012d-0", r.serial), start+sale.Instant(r.serial)
		r.streams[id] = append(r.streams[id], e)
		r.records[id].Apply(e)
	})
}

// hold appends an entry with one new hold, and returns it.
func (r *redis) hold(id sale.ID) sale.Order {
	o := newOrder(string(newOrderID()), start)
	r.tell(id, sale.Event{Orders: []sale.Order{o}})
	return o
}

func (r *redis) waiting(id sale.ID) (n int) {
	r.with(func() { n = len(r.streams[id]) })
	return n
}

// truth is what all entries of the sale come to.
func (r *redis) truth(id sale.ID) (truth sale.Records) {
	r.with(func() { truth = r.records[id].Clone() })
	return truth
}

func (r *redis) Sales(ctx context.Context) (ids []sale.ID, err error) {
	err = r.call(ctx, OpSales, "", func() error { ids = slices.Clone(r.sales); return nil })
	return ids, err
}

func (r *redis) Events(ctx context.Context, id sale.ID, after string, limit int) (events []sale.Event, err error) {
	err = r.call(ctx, OpEvents, id, func() error {
		r.reads = append(r.reads, after)
		for _, e := range r.streams[id] {
			if e.ID > after && len(events) < limit {
				events = append(events, e)
			}
		}
		return nil
	})
	return events, err
}

func (r *redis) Forget(ctx context.Context, id sale.ID, entries []string) error {
	if r.forgets != nil {
		var doomed []sale.Event
		r.with(func() {
			for _, e := range r.streams[id] {
				if slices.Contains(entries, e.ID) {
					doomed = append(doomed, e)
				}
			}
		})
		r.forgets(doomed)
	}
	return r.call(ctx, OpForget, id, func() error {
		r.streams[id] = slices.DeleteFunc(r.streams[id], func(e sale.Event) bool { return slices.Contains(entries, e.ID) })
		return nil
	})
}

func (r *redis) Backlog(ctx context.Context, id sale.ID) (entries int64, oldest, now sale.Instant, err error) {
	err = r.call(ctx, OpBacklog, id, func() error {
		entries, now = int64(len(r.streams[id])), start.Add(time.Hour)
		if entries > 0 {
			oldest = r.streams[id][0].At
		}
		return nil
	})
	return entries, oldest, now, err
}

func (r *redis) Snapshot(ctx context.Context, id sale.ID) (s sale.Snapshot, err error) {
	err = r.call(ctx, OpSnapshot, id, func() error {
		s = sale.Snapshot{Records: r.records[id].Clone(), At: start.Add(time.Hour)}
		return nil
	})
	return s, err
}

// member is one ledger's view of Redis.
type member struct {
	*redis
	name string
	ttl  time.Duration
}

func (m member) Register(ctx context.Context) (n int, err error) {
	err = m.call(ctx, OpRegistry, "", func() error {
		m.members[m.name] = time.Now().Add(m.ttl)
		for _, until := range m.members {
			if time.Now().Before(until) {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (m member) Leave(ctx context.Context) error {
	return m.call(ctx, OpRegistry, "", func() error { delete(m.members, m.name); return nil })
}

// acquirer is a lease.Acquirer of function fields.
type acquirer struct {
	acquire func(ctx context.Context) (sale.Generation, bool, error)
	release func(ctx context.Context) error
}

func (a acquirer) Acquire(ctx context.Context) (sale.Generation, bool, error) { return a.acquire(ctx) }
func (a acquirer) Release(ctx context.Context) error                          { return a.release(ctx) }

// holds makes the member's holder of a sale's lease.
func (m member) holds(cfg Config) Leases {
	return func(id sale.ID, report func(error)) Holder {
		c := lease.Config{TTL: cfg.LeaseTime, Renew: cfg.LeaseTime / 3, Call: cfg.Call, Finish: cfg.Commit}
		return lease.NewHolder(m.claim(id), c, report)
	}
}

// claim is one ledger's view of one sale's lease.
func (m member) claim(id sale.ID) lease.Acquirer {
	return acquirer{
		acquire: func(ctx context.Context) (token sale.Generation, held bool, err error) {
			err = m.call(ctx, OpLease, id, func() error {
				h := m.leases[id]
				free := !time.Now().Before(h.until)
				if free {
					m.token++
					h = holder{name: m.name, token: m.token}
				}
				if held = h.name == m.name; held {
					h.until = time.Now().Add(m.ttl)
					m.leases[id] = h
				}
				token = h.token
				return nil
			})
			return token, held, err
		},
		release: func(ctx context.Context) error {
			return m.call(ctx, OpLease, id, func() error {
				if m.leases[id].name == m.name {
					delete(m.leases, id)
				}
				return nil
			})
		},
	}
}

// holders says who holds which sale's lease.
func (r *redis) holders() map[string][]sale.ID {
	held := map[string][]sale.ID{}
	r.with(func() {
		for id, h := range r.leases {
			if time.Now().Before(h.until) {
				held[h.name] = append(held[h.name], id)
			}
		}
	})
	return held
}
