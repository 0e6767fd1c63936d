package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onsale/internal/cluster/process"
	"onsale/internal/remotestock"
)

// Topology is how a cluster's Redis is laid out.
type Topology uint8

// The topologies. In all but the first, Cluster.Redis is nil.
const (
	Standalone Topology = iota // one server
	Sentinels                  // a master with replicas, and three Sentinels
	Sharded                    // a Redis Cluster of three masters with a replica each
)

func (c *Cluster) startRedis(ctx context.Context) (err error) {
	if c.options.Share != nil {
		return nil
	}
	c.progress("starting redis-server")
	switch args := c.options.RedisArgs; c.options.Topology {
	case Standalone:
		begin := process.StartRedis
		if c.options.RedisClock {
			begin = process.StartRedisByClock
		}
		c.Redis, err = begin(ctx, c.Dir, args...)
	case Sentinels:
		c.Sentinels, err = process.StartSentinels(ctx, c.Dir, max(1, c.options.RedisReplicas), args...)
	case Sharded:
		c.Shards, err = process.StartRedisCluster(ctx, c.Dir, args...)
	default:
		err = fmt.Errorf("no topology %d", c.options.Topology)
	}
	return err
}

// redis says where Redis is.
func (c *Cluster) redis() RedisFlags {
	if share := c.options.Share; share != nil {
		f := share.With.redis()
		f.Prefix, f.Username, f.Password = share.Prefix, share.Username, share.Password
		return f
	}
	f := RedisFlags{Replicas: c.options.WaitReplicas}
	switch {
	case c.Sentinels != nil:
		f.Addrs, f.Master = c.Sentinels.Addrs(), process.SentinelMaster
	case c.Shards != nil:
		f.Addrs, f.Cluster = c.Shards.Addrs(), true
	default:
		f.Addrs = []string{c.Redis.Addr()}
	}
	return f
}

// args are the flags as a command line has them.
func (f RedisFlags) args() []string {
	args := []string{"--redis-addr", strings.Join(f.Addrs, ",")}
	if f.Master != "" {
		args = append(args, "--redis-master", f.Master)
	}
	if f.Cluster {
		args = append(args, "--redis-cluster")
	}
	if f.Prefix != "" {
		args = append(args, "--redis-prefix", string(f.Prefix))
	}
	if f.Username != "" {
		args = append(args, "--redis-username", f.Username, "--redis-password", f.Password)
	}
	if f.Replicas > 0 {
		args = append(args, "--redis-replicas", strconv.Itoa(f.Replicas))
	}
	return args
}

// StoreConfig is for whoever reads the cluster's Redis beside its members.
func (c *Cluster) StoreConfig() remotestock.Config { return c.redis().config() }

// servers are all redis-servers that keep data.
func (c *Cluster) servers() []*process.Redis {
	switch {
	case c.options.Share != nil:
		return nil
	case c.Sentinels != nil:
		var all []*process.Redis
		for _, s := range c.Sentinels.Servers {
			all = append(all, s.Redis)
		}
		return all
	case c.Shards != nil:
		return slices.Clone(c.Shards.Nodes)
	}
	return []*process.Redis{c.Redis}
}

// closeRedis may be called twice, and before there is any.
func (c *Cluster) closeRedis() error {
	var errs []error
	if c.Redis != nil {
		errs = append(errs, c.Redis.Signal(syscall.SIGCONT), c.Redis.Stop(10*time.Second))
		c.Redis = nil
	}
	if c.Sentinels != nil {
		errs = append(errs, c.Sentinels.Close())
		c.Sentinels = nil
	}
	if c.Shards != nil {
		errs = append(errs, c.Shards.Close())
		c.Shards = nil
	}
	return errors.Join(errs...)
}
