package ledger

import (
	"context"
	"time"

	"onsale/internal/lease"
	"onsale/internal/sale"
)

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

// holders returns the sales whose leases each ledger holds.
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
