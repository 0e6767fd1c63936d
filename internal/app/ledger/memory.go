package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/adminapi/client"
	"onsale/internal/app"
	"onsale/internal/keyspace"
	"onsale/internal/lease"
	"onsale/internal/pause"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// memory asks the nodes that run what they remember.
type memory struct {
	nodes *lease.Registry
	token string
	// settle is how long nodes are given to register again with a Redis that came back empty.
	settle time.Duration
}

// NodesMemory asks the nodes that are registered; settle is how long they are given to register
// again with a Redis that came back empty.
func NodesMemory(store redis.UniversalClient, prefix keyspace.Prefix, token string, settle time.Duration) memory {
	return memory{nodes: lease.Nodes(store, prefix), token: token, settle: settle}
}

// askTimeout bounds what one node may take.
const askTimeout = 5 * time.Second

// Holds asks all nodes at once.
func (m memory) Holds(ctx context.Context, id sale.ID) (holds []reconcile.Hold, seen []sale.Mark, err error) {
	if !pause.For(ctx, m.settle) {
		return nil, nil, ctx.Err()
	}
	nodes, err := m.nodes.Members(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("nodes: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var mu sync.Mutex
	var errs []error
	var group sync.WaitGroup
	for name, value := range nodes {
		addr, _ := app.Registered(value)
		group.Go(func() {
			h, err := client.Client{Addr: addr, Token: m.token}.Holds(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("node %s at %s: %w", name, addr, err))
				return
			}
			holds = append(holds, h.Holds...)
			if h.Seen.Seq > 0 {
				seen = append(seen, h.Seen)
			}
		})
	}
	group.Wait()
	return holds, seen, errors.Join(errs...)
}
