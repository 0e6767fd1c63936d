package rebalance

import (
	"context"
	"sync"
	"time"

	"onsale/internal/sale"
)

// record is the lease as the store has it.
type record struct {
	ttl time.Duration

	mu     sync.Mutex
	holder *acquirer
	token  sale.Generation
	until  time.Time
}

// acquirer is one allocator's view of the lease.
type acquirer struct {
	record   *record
	before   func(ctx context.Context) error // its error is the call's
	acquired int
}

func (l *acquirer) Acquire(ctx context.Context) (sale.Generation, bool, error) {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	l.acquired++
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return 0, false, err
		}
	}
	r := l.record
	free := !time.Now().Before(r.until)
	if !free && r.holder != l {
		return r.token, false, nil
	}
	if free {
		r.token++
	}
	r.holder, r.until = l, time.Now().Add(r.ttl)
	return r.token, true, nil
}

func (l *acquirer) Release(ctx context.Context) error {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return err
		}
	}
	if l.record.holder == l {
		l.record.until = time.Now()
	}
	return nil
}

// seize gives the lease to a stranger for d.
func (r *record) seize(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token++
	r.holder, r.until = nil, time.Now().Add(d)
}
