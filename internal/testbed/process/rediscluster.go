package process

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nodeTimeout is how long a node of a Redis Cluster has to be silent before the
// others take it for dead; a promotion follows within two seconds.
const nodeTimeout = 1500 * time.Millisecond

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// RedisCluster is a Redis Cluster of three masters with a replica each.
type RedisCluster struct {
	Nodes []*Redis // masters first, at the start; the replica of the i-th is the i-th after them
}

// StartRedisCluster starts one below dir, and returns once it works. Extra
// arguments are every node's.
func StartRedisCluster(ctx context.Context, dir string, extra ...string) (_ *RedisCluster, err error) {
	c := &RedisCluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	buses := make([]int, 6)
	for i := range buses {
		if buses[i], err = FreePort(); err != nil {
			return nil, err
		}
		r, err := StartRedis(ctx, dir, append([]string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", strconv.FormatInt(nodeTimeout.Milliseconds(), 10),
			"--cluster-port", strconv.Itoa(buses[i]), "--repl-diskless-sync-delay", "0",
		}, extra...)...)
		if err != nil {
			return nil, err
		}
		c.Nodes = append(c.Nodes, r)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return c, c.form(ctx, buses)
}

// form makes a Cluster of the nodes.
func (c *RedisCluster) form(ctx context.Context, buses []int) error {
	const masters = 3
	for i, r := range c.Nodes[:masters] {
		if err := ask(ctx, r.Addr(), "cluster", "addslotsrange", slots*i/masters, slots*(i+1)/masters-1).Err(); err != nil {
			return fmt.Errorf("slots of %s: %w", r.Addr(), err)
		}
	}
	for i, r := range c.Nodes {
		if err := ask(ctx, r.Addr(), "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return fmt.Errorf("epoch of %s: %w", r.Addr(), err)
		}
		if err := ask(ctx, c.Nodes[0].Addr(), "cluster", "meet", "127.0.0.1", r.Port, buses[i]).Err(); i > 0 && err != nil {
			return fmt.Errorf("meeting %s: %w", r.Addr(), err)
		}
	}
	for i, r := range c.Nodes[masters:] {
		master := c.Nodes[i]
		id, err := ask(ctx, master.Addr(), "cluster", "myid").Text()
		if err != nil {
			return err
		}
		// It is refused until gossip has made the two known to each other.
		for {
			err := ask(ctx, r.Addr(), "cluster", "replicate", id).Err()
			if err == nil {
				break
			}
			if perr := lookAgain(ctx); perr != nil {
				return fmt.Errorf("%s can't replicate from %s: %w: %w", r.Addr(), master.Addr(), perr, err)
			}
		}
	}
	return c.AwaitSettled(ctx)
}

// Addrs are all nodes' addresses.
func (c *RedisCluster) Addrs() (addrs []string) {
	for _, r := range c.Nodes {
		addrs = append(addrs, r.Addr())
	}
	return addrs
}

// MasterOf is the node that serves a key, as the given node sees it.
func (c *RedisCluster) MasterOf(ctx context.Context, key string, seenBy *Redis) (*Redis, error) {
	slot, err := ask(ctx, seenBy.Addr(), "cluster", "keyslot", key).Int()
	if err != nil {
		return nil, err
	}
	ranges, err := ask(ctx, seenBy.Addr(), "cluster", "slots").Slice()
	if err != nil {
		return nil, err
	}
	for _, raw := range ranges {
		// First slot, last slot, then the nodes, the master first, as IP, port and more.
		r, _ := raw.([]any)
		if len(r) < 3 || r[0].(int64) > int64(slot) || r[1].(int64) < int64(slot) {
			continue
		}
		port := r[2].([]any)[1].(int64)
		for _, node := range c.Nodes {
			if int64(node.Port) == port {
				return node, nil
			}
		}
	}
	return nil, fmt.Errorf("%s knows no master of %q", seenBy.Addr(), key)
}

// AwaitPromotion returns the key's new master when another node than the given
// one serves it, and a third one has learned so.
func (c *RedisCluster) AwaitPromotion(ctx context.Context, key string, old *Redis) (*Redis, error) {
	var witness *Redis
	for _, r := range c.Nodes {
		if r != old && role(ctx, r.Addr()) == "master" {
			witness = r
		}
	}
	if witness == nil {
		return nil, errors.New("no other master is there")
	}
	for {
		now, err := c.MasterOf(ctx, key, witness)
		if err == nil && now != old {
			return now, nil
		}
		if perr := lookAgain(ctx); perr != nil {
			return nil, fmt.Errorf("nobody was promoted for %q: %w", key, errors.Join(perr, err))
		}
	}
}

// AwaitReplica returns once the replica has all that was written to the master so far.
func (c *RedisCluster) AwaitReplica(ctx context.Context, master, replica *Redis) error {
	state, err := replication(ctx, master.Addr())
	if err != nil {
		return err
	}
	for {
		err := caughtUp(ctx, replica, state)
		if err == nil {
			return nil
		}
		if perr := lookAgain(ctx); perr != nil {
			return fmt.Errorf("%w: %w", perr, err)
		}
	}
}

// AwaitSettled returns when every node that has not been killed sees a working
// Cluster in which each replica has a link to its master.
func (c *RedisCluster) AwaitSettled(ctx context.Context) error {
	for {
		err := c.settled(ctx)
		if err == nil {
			return nil
		}
		if perr := lookAgain(ctx); perr != nil {
			return fmt.Errorf("%w: %w", perr, err)
		}
	}
}

func (c *RedisCluster) settled(ctx context.Context) error {
	replicas := 0
	for _, r := range c.Nodes {
		select {
		case <-r.Done():
			continue
		default:
		}
		state, err := ask(ctx, r.Addr(), "cluster", "info").Text()
		if err != nil || !strings.Contains(state, "cluster_state:ok") || !strings.Contains(state, fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes))) {
			return fmt.Errorf("%s does not see the whole Cluster: %w", r.Addr(), err)
		}
		link, err := replication(ctx, r.Addr())
		if err != nil || strings.Contains(link, "role:slave") && !strings.Contains(link, "master_link_status:up") {
			return fmt.Errorf("%s has no link to its master: %w", r.Addr(), err)
		}
		replicas += strings.Count(link, "role:slave")
		nodes, err := ask(ctx, r.Addr(), "cluster", "nodes").Text()
		if err != nil || strings.Count(nodes, " connected") < len(c.Nodes) && !strings.Contains(nodes, "fail") {
			return fmt.Errorf("%s is not connected to all others: %w", r.Addr(), err)
		}
	}
	if replicas == 0 {
		return errors.New("there is no replica")
	}
	return nil
}

// Close ends every node. It may be called twice.
func (c *RedisCluster) Close() error {
	var errs []error
	for _, r := range c.Nodes {
		errs = append(errs, r.Kill())
	}
	c.Nodes = nil
	return errors.Join(errs...)
}
