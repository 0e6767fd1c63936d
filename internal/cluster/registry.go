package cluster

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/internal/lease"
)

// registration is what a node registers under its name: its admin address and that of its buyers' API.
func registration(admin, buyers string) string { return admin + " " + buyers }

// registered takes a registration apart. buyers is empty where there is none.
func registered(value string) (admin, buyers string) {
	admin, buyers, _ = strings.Cut(value, " ")
	return admin, buyers
}

// nodesRegistry is what gossip compares its members with: only who can write to Redis is a node.
type nodesRegistry struct {
	client redis.UniversalClient
	prefix keyspace.Prefix
}

// Nodes implements membership.Registry.
func (r nodesRegistry) Nodes(ctx context.Context) (map[string]string, error) {
	nodes, err := lease.Nodes(r.client, r.prefix).Members(ctx)
	for name, value := range nodes {
		_, nodes[name] = registered(value)
	}
	return nodes, err
}
