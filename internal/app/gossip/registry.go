package gossip

import (
	"context"

	"github.com/redis/go-redis/v9"

	"onsale/internal/app"
	"onsale/internal/keyspace"
	"onsale/internal/lease"
)

// Registry is what gossip compares its members with: only who can write to Redis is a node.
type Registry struct {
	Client redis.UniversalClient
	Prefix keyspace.Prefix
}

// Nodes implements membership.Registry.
func (r Registry) Nodes(ctx context.Context) (map[string]string, error) {
	nodes, err := lease.Nodes(r.Client, r.Prefix).Members(ctx)
	for name, value := range nodes {
		_, nodes[name] = app.Registered(value)
	}
	return nodes, err
}
