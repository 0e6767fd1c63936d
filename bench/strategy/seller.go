package strategy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// The one seller's group of readers, which has one member, and its lease: a key with the
// token of a term, which expires.
const (
	sellers   = "sellers"
	member    = "seller"
	leaseKey  = "strategy:seller"
	leaseTime = 1500 * time.Millisecond
)

// seller decides the requests of all processes, if it has the lease, one after the other and in memory.
//
// Everything that a turn decides is one transaction: orders, stock, slots, acknowledged requests and
// answers. It watches the lease since before the turn's requests were read, and so
// fails if another seller has begun meanwhile. A request that a dead seller had read is
// still pending then and is decided by the next: once, as what was decided is acknowledged.
type seller struct {
	store *store
	batch int64
	block time.Duration // how long Redis waits for requests
	quit  chan struct{}
	ended chan struct{}
	start func()
	stop  func() // may be called twice
}

// newSeller makes one that begins by start.
func newSeller(s *store, c Config) *seller {
	l := &seller{store: s, batch: int64(c.Batch), block: min(leaseTime/6, c.Call/2), quit: make(chan struct{}), ended: make(chan struct{})}
	l.start = sync.OnceFunc(func() { go l.run() })
	l.stop = sync.OnceFunc(func() {
		close(l.quit)
		<-l.ended
	})
	return l
}

// run tries for the lease until the seller is stopped. Whatever goes wrong ends a term,
// and what its memory has with it.
func (l *seller) run() {
	defer close(l.ended)
	for {
		pause := again
		t, err := l.begin(context.Background())
		if err == nil {
			err = t.serve(context.Background())
		}
		if errors.Is(err, errNotSeller) {
			pause = l.block
		}
		select {
		case <-l.quit:
			return
		case <-time.After(pause):
		}
	}
}

// errNotSeller: another process has the lease.
var errNotSeller = errors.New("another is the seller")

// term is the time for which a seller has the lease without a break.
type term struct {
	*seller
	token   string
	conn    *redis.Conn // of its own, as it watches
	renewed time.Time
	swept   time.Time
	books   map[string]*book // by sale, those that somebody asked for
}

// begin takes the lease, or is errNotSeller. Its caller ends the term.
func (l *seller) begin(ctx context.Context) (*term, error) {
	t := &term{seller: l, token: newID().String(), books: map[string]*book{}, renewed: time.Now()}
	got, err := l.store.client.SetNX(ctx, leaseKey, t.token, leaseTime).Result()
	if err != nil {
		return nil, asked("lease", err)
	}
	if !got {
		return nil, errNotSeller
	}
	err = l.store.client.XGroupCreateMkStream(ctx, requests, sellers, "0").Err()
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return nil, asked("group", err)
	}
	t.conn = l.store.client.(*redis.Client).EphemeralConn() // closed with what it watches
	return t, nil
}

// serve decides what former terms have read, and then what comes, until the seller is stopped
// or the lease lost.
func (t *term) serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, t.conn.Close()) }()
	if err := t.sweep(ctx, 0); err != nil {
		return err
	}
	for {
		select {
		case <-t.quit:
			return t.release(ctx)
		default:
		}
		// A seller that has lost the lease may have read requests since, which stay its own.
		if time.Since(t.swept) > leaseTime {
			if err := t.sweep(ctx, leaseTime); err != nil {
				return err
			}
		}
		entries, err := t.next(ctx)
		if err != nil {
			return err
		}
		if err := t.settle(ctx, entries); err != nil {
			return err
		}
	}
}

// sweep decides the requests that were read so long ago and not acknowledged.
func (t *term) sweep(ctx context.Context, idle time.Duration) error {
	for from := "0-0"; ; {
		var claimed *redis.XAutoClaimCmd
		err := t.watch(ctx, func(p redis.Pipeliner) {
			claimed = p.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: requests, Group: sellers, Consumer: member, MinIdle: idle, Start: from, Count: t.batch})
		})
		if err != nil {
			return err
		}
		pending, next := claimed.Val()
		if err := t.settle(ctx, pending); err != nil {
			return err
		}
		if from = next; from == "0-0" {
			t.swept = time.Now()
			return nil
		}
	}
}

// next reads the requests of a turn, none if none come.
func (t *term) next(ctx context.Context) ([]redis.XMessage, error) {
	var group *redis.XStreamSliceCmd
	err := t.watch(ctx, func(p redis.Pipeliner) {
		group = p.XReadGroup(ctx, &redis.XReadGroupArgs{Group: sellers, Consumer: member, Streams: []string{requests, ">"}, Count: t.batch, Block: t.block})
	})
	if err != nil || len(group.Val()) == 0 {
		return nil, err
	}
	return group.Val()[0].Messages, nil
}

// watch begins a turn, in one round trip with what it reads: from here on no transaction
// of this connection's succeeds if the lease has changed or expired.
func (t *term) watch(ctx context.Context, fetch func(redis.Pipeliner)) error {
	p := t.conn.Pipeline()
	p.Do(ctx, "watch", leaseKey)
	holder := p.Get(ctx, leaseKey)
	fetch(p)
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return asked("read", err)
	}
	if holder.Val() != t.token {
		return errNotSeller
	}
	return nil
}

// settle decides the requests and commits that, and renews the lease when it is time.
func (t *term) settle(ctx context.Context, entries []redis.XMessage) error {
	now := time.Now()
	if len(entries) == 0 && now.Sub(t.renewed) < leaseTime/3 {
		return nil
	}
	decided, err := t.decide(ctx, entries)
	if err != nil {
		return err
	}
	_, err = t.conn.TxPipelined(ctx, func(p redis.Pipeliner) error {
		decided.write(ctx, p)
		p.PExpire(ctx, leaseKey, leaseTime)
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	t.renewed = now
	return nil
}

// release gives the lease up, so that another need not wait until it expires.
func (t *term) release(ctx context.Context) error {
	if err := t.watch(ctx, func(redis.Pipeliner) {}); err != nil {
		return err
	}
	_, err := t.conn.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, leaseKey)
		return nil
	})
	return err
}

// book is what a seller knows of a sale. Nobody else writes it, so that it is right as
// long as the term lasts.
type book struct {
	stock  int64
	buyers map[string]string // buyer -> order id
}

// open returns the sale's book, nil where there is no such sale. It is read from the store once a term.
func (t *term) open(ctx context.Context, name string) (*book, error) {
	if b := t.books[name]; b != nil {
		return b, nil
	}
	orders, err := t.store.Orders(ctx, name)
	if errors.Is(err, sale.ErrNoSale) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &book{buyers: make(map[string]string, len(orders))}
	for _, o := range orders {
		b.buyers[o.Buyer] = o.ID
	}
	if b.stock, err = t.store.Remaining(ctx, name); err != nil {
		return nil, err
	}
	t.books[name] = b
	return b, nil
}
