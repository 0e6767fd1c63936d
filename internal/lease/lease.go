package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/internal/sale"
	"onsale/lua"
)

var (
	leaseScript    = lua.NewScript("lease", lua.Lease)
	registryScript = lua.NewScript("registry", lua.Registry)
)

// Lease is one holder's view of a lease in Redis.
type Lease struct {
	client lua.Client
	key    string
	name   string
	holder string
	ttl    time.Duration
}

// New names a lease; holder must be unique to this process. Anyone who holds it
// must acquire it again well within ttl.
func New(client lua.Client, prefix keyspace.Prefix, name, holder string, ttl time.Duration) *Lease {
	return &Lease{client: client, key: prefix.Lease(name), name: name, holder: holder, ttl: ttl}
}

// Acquire takes or renews the lease. held is false where another has it. The
// token is the same as long as the lease is held without a break.
func (l *Lease) Acquire(ctx context.Context) (token sale.Generation, held bool, err error) {
	return l.run(ctx, l.ttl)
}

// Release gives the lease up, so that another need not wait for its end. It is
// no error where another holds it.
func (l *Lease) Release(ctx context.Context) error {
	_, _, err := l.run(ctx, 0)
	return err
}

func (l *Lease) run(ctx context.Context, ttl time.Duration) (token sale.Generation, held bool, err error) {
	return l.parse(leaseScript.Call(ctx, l.client, []string{l.key}, l.args(ttl)))
}

// renewal is Acquire as a command for a pipeline; parse reads its reply.
func (l *Lease) renewal(ctx context.Context) *redis.Cmd {
	return leaseScript.Command(ctx, false, []string{l.key}, l.args(l.ttl))
}

func (l *Lease) args(ttl time.Duration) []any { return []any{l.holder, ttl.Milliseconds()} }

func (l *Lease) parse(raw []any, err error) (token sale.Generation, held bool, _ error) {
	if err != nil {
		return 0, false, fmt.Errorf("lease %s: %w", l.name, err)
	}
	if len(raw) == 4 {
		token, ok := raw[1].(int64)
		holder, ok2 := raw[3].(string)
		if ok && ok2 {
			return sale.Generation(token), holder == l.holder, nil
		}
	}
	return 0, false, fmt.Errorf("lease %s: reply %v has the wrong shape", l.name, raw)
}
