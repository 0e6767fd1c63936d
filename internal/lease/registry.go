package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/lua"
)

// Registry is the set of the processes of one kind that run, by member, each
// with one short value.
type Registry struct {
	client lua.Client
	keys   []string // they share a hash tag, so that they live on one node of a Redis Cluster
	name   string
}

// NewRegistry names a registry.
func NewRegistry(client lua.Client, prefix keyspace.Prefix, name string) *Registry {
	return &Registry{client: client, keys: prefix.Registry(name), name: name}
}

// Nodes is the registry of the nodes that hold their names: name → addresses.
func Nodes(client lua.Client, prefix keyspace.Prefix) *Registry {
	return NewRegistry(client, prefix, "nodes")
}

// Members returns the value of every member that runs.
func (r *Registry) Members(ctx context.Context) (map[string]string, error) {
	_, rest, err := r.run(ctx, "list")
	if err != nil {
		return nil, err
	}
	members := make(map[string]string, len(rest)/2)
	for i := 0; i+1 < len(rest); i += 2 {
		name, ok := rest[i].(string)
		value, ok2 := rest[i+1].(string)
		if !ok || !ok2 {
			return nil, r.misshapen(rest)
		}
		members[name] = value
	}
	return members, nil
}

// Member is one process's place in the registry. name must be unique among the
// members. It must register again well within ttl.
func (r *Registry) Member(name, value string, ttl time.Duration) *Member {
	return &Member{registry: r, name: name, value: value, ttl: ttl}
}

// Member is one process's place in a registry.
type Member struct {
	registry    *Registry
	name, value string
	ttl         time.Duration
}

// Update changes the value that Register records from then on. The goroutine that registers calls it.
func (m *Member) Update(value string) { m.value = value }

// Register records that this process runs, and returns how many do.
func (m *Member) Register(ctx context.Context) (running int, err error) {
	running, _, err = m.registry.run(ctx, m.registration()...)
	return running, err
}

// renewal is Register as a command for a pipeline; the registry's parse reads its reply.
func (m *Member) renewal(ctx context.Context) *redis.Cmd {
	return registryScript.Command(ctx, false, m.registry.keys, m.registration())
}

func (m *Member) registration() []any {
	return []any{"register", m.name, m.value, m.ttl.Milliseconds()}
}

// Leave removes this process. Where a successor has registered the same name
// with another value, it does nothing.
func (m *Member) Leave(ctx context.Context) error {
	_, _, err := m.registry.run(ctx, "leave", m.name, m.value)
	return err
}

// run returns how many members run, and what list adds to that.
func (r *Registry) run(ctx context.Context, args ...any) (running int, rest []any, err error) {
	return r.parse(registryScript.Call(ctx, r.client, r.keys, args))
}

func (r *Registry) parse(raw []any, err error) (running int, rest []any, _ error) {
	if err != nil {
		return 0, nil, fmt.Errorf("registry %s: %w", r.name, err)
	}
	if len(raw) >= 2 {
		if n, ok := raw[1].(int64); ok {
			return int(n), raw[2:], nil
		}
	}
	return 0, nil, r.misshapen(raw)
}

func (r *Registry) misshapen(raw []any) error {
	return fmt.Errorf("registry %s: reply %v has the wrong shape", r.name, raw)
}
