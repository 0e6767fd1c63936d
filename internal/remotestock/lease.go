package remotestock

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// Lease lets one of several holders act at a time. Its token fences off those
// who believe too long that they hold it.
type Lease struct {
	client redis.UniversalClient
	key    string
	holder string
	ttl    time.Duration
	call   time.Duration
}

// NewLease names a lease; holder must be unique to this process. Whoever holds
// it must acquire it again well within ttl.
func NewLease(client redis.UniversalClient, name, holder string, ttl, call time.Duration) *Lease {
	return &Lease{client: client, key: "onsale:lease:" + name, holder: holder, ttl: ttl, call: call}
}

// Acquire takes or renews the lease. held is false where somebody else has it.
// The token is the same as long as the lease is held without a break.
func (l *Lease) Acquire(ctx context.Context) (token sale.Generation, held bool, err error) {
	return l.run(ctx, l.ttl)
}

// Release gives the lease up, so that another need not wait for its end. It is
// no error where somebody else holds it.
func (l *Lease) Release(ctx context.Context) error {
	_, _, err := l.run(ctx, 0)
	return err
}

func (l *Lease) run(ctx context.Context, ttl time.Duration) (sale.Generation, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.call)
	defer cancel()
	raw, err := leaseScript.Call(ctx, l.client, []string{l.key}, []any{l.holder, ttl.Milliseconds()})
	if err != nil {
		return 0, false, classify("lease", err)
	}
	if len(raw) == 4 {
		token, ok := raw[1].(int64)
		holder, ok2 := raw[3].(string)
		if ok && ok2 {
			return sale.Generation(token), holder == l.holder, nil
		}
	}
	return 0, false, classify("lease", fmt.Errorf("%w: lease said %v", ErrReply, raw))
}

// Roll is the list of the processes of one kind that run. Whoever is on it
// must enlist again well within its time to live.
type Roll struct {
	client redis.UniversalClient
	key    string
	member string
	ttl    time.Duration
	call   time.Duration
}

// NewRoll names a roll; member must be unique to this process.
func NewRoll(client redis.UniversalClient, name, member string, ttl, call time.Duration) *Roll {
	return &Roll{client: client, key: "onsale:roll:" + name, member: member, ttl: ttl, call: call}
}

// Enlist says that this process runs, and returns how many do.
func (r *Roll) Enlist(ctx context.Context) (running int, err error) {
	return r.run(ctx, r.ttl)
}

// Leave strikes this process off the roll.
func (r *Roll) Leave(ctx context.Context) error {
	_, err := r.run(ctx, 0)
	return err
}

func (r *Roll) run(ctx context.Context, ttl time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, r.call)
	defer cancel()
	raw, err := rollScript.Call(ctx, r.client, []string{r.key}, []any{r.member, ttl.Milliseconds()})
	if err != nil {
		return 0, classify("roll", err)
	}
	if len(raw) == 2 {
		if running, ok := raw[1].(int64); ok {
			return int(running), nil
		}
	}
	return 0, classify("roll", fmt.Errorf("%w: roll said %v", ErrReply, raw))
}
