package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onsale/internal/app"
	"onsale/internal/remotestock"
	"onsale/internal/testbed/process"
)

// Topology is how a cluster's Redis is laid out.
type Topology uint8

// The topologies. In all but the first, Site.Redis is nil.
const (
	Standalone Topology = iota // one server
	Sentinels                  // a master with replicas, and three Sentinels
	Sharded                    // a Redis Cluster of three masters with a replica each
)

func (s *Site) startRedis(ctx context.Context) (err error) {
	if s.options.Share != nil {
		return nil
	}
	s.progress("starting redis-server")
	switch args := s.options.RedisArgs; s.options.Topology {
	case Standalone:
		begin := process.StartRedis
		if s.options.RedisClock {
			begin = process.StartRedisByClock
		}
		s.Redis, err = begin(ctx, s.Dir, args...)
	case Sentinels:
		s.Sentinels, err = process.StartSentinels(ctx, s.Dir, max(1, s.options.RedisReplicas), args...)
	case Sharded:
		s.Shards, err = process.StartRedisCluster(ctx, s.Dir, args...)
	default:
		err = fmt.Errorf("no topology %d", s.options.Topology)
	}
	return err
}

// redis returns the flags of where Redis is.
func (s *Site) redis() app.RedisFlags {
	if share := s.options.Share; share != nil {
		f := share.With.redis()
		f.Prefix, f.Username, f.Password = share.Prefix, share.Username, share.Password
		return f
	}
	f := app.RedisFlags{Replicas: s.options.WaitReplicas}
	switch {
	case s.Sentinels != nil:
		f.Addrs, f.Master = s.Sentinels.Addrs(), process.SentinelMaster
	case s.Shards != nil:
		f.Addrs, f.Cluster = s.Shards.Addrs(), true
	default:
		f.Addrs = []string{s.Redis.Addr()}
	}
	return f
}

// redisArgs are the flags as a command line has them.
func redisArgs(f app.RedisFlags) []string {
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
		args = append(args, "--redis-username", f.Username)
	}
	if f.Replicas > 0 {
		args = append(args, "--redis-replicas", strconv.Itoa(f.Replicas))
	}
	return args
}

// StoreConfig is for anyone who reads the cluster's Redis beside its members.
func (s *Site) StoreConfig() remotestock.Config { return s.redis().Config() }

// servers are all redis-servers that keep data.
func (s *Site) servers() []*process.Redis {
	switch {
	case s.options.Share != nil:
		return nil
	case s.Sentinels != nil:
		var all []*process.Redis
		for _, server := range s.Sentinels.Servers {
			all = append(all, server.Redis)
		}
		return all
	case s.Shards != nil:
		return slices.Clone(s.Shards.Nodes)
	}
	return []*process.Redis{s.Redis}
}

// closeRedis may be called twice, and before there is any.
func (s *Site) closeRedis() error {
	var errs []error
	if s.Redis != nil {
		errs = append(errs, s.Redis.Signal(syscall.SIGCONT), s.Redis.Stop(10*time.Second))
		s.Redis = nil
	}
	if s.Sentinels != nil {
		errs = append(errs, s.Sentinels.Close())
		s.Sentinels = nil
	}
	if s.Shards != nil {
		errs = append(errs, s.Shards.Close())
		s.Shards = nil
	}
	return errors.Join(errs...)
}
