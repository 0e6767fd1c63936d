package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Setting is the name of a setting of Redis.
type Setting string

// The settings that promises rest on.
const (
	AppendOnly      Setting = "appendonly"
	AppendFsync     Setting = "appendfsync"
	FsyncOnRewrite  Setting = "no-appendfsync-on-rewrite"
	MaxmemoryPolicy Setting = "maxmemory-policy"
	MinReplicas     Setting = "min-replicas-to-write"
)

// Settings are all of them.
var Settings = []Setting{AppendOnly, AppendFsync, FsyncOnRewrite, MaxmemoryPolicy, MinReplicas}

// durable are those without which Redis loses what it acknowledged when it is killed.
var durable = map[Setting]string{AppendOnly: "yes", AppendFsync: "always", FsyncOnRewrite: "no"}

// noEviction is the one policy under which Redis deletes nothing of a sale by itself.
const noEviction = "noeviction"

// masters calls f with a client of every server that takes writes.
func (s *Store) masters(ctx context.Context, f func(context.Context, redis.Cmdable) error) error {
	if c, is := s.client.(*redis.ClusterClient); is {
		return c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return f(ctx, c) })
	}
	return f(ctx, s.client)
}

// server is one master's report about itself.
type server struct {
	settings  map[Setting]string // those that it reports
	used, max int64
}

// askServer reads settings by CONFIG, and where that is forbidden, as it is in a managed
// Redis, what INFO has of them. An error is of a server that does not answer.
func askServer(ctx context.Context, client redis.Cmdable) (server, error) {
	v := server{settings: map[Setting]string{}}
	p := client.Pipeline()
	names := []any{"config", "get"}
	for _, setting := range Settings {
		names = append(names, string(setting))
	}
	settings := redis.NewMapStringStringCmd(ctx, names...)
	_ = p.Process(ctx, settings) // queued: errors come with Exec, on each command
	memory, persistence := p.Info(ctx, "memory"), p.Info(ctx, "persistence")
	_, _ = p.Exec(ctx)
	for _, cmd := range []redis.Cmder{settings, memory, persistence} {
		var reply redis.Error
		if err := cmd.Err(); err != nil && (!errors.As(err, &reply) || !healthy(err)) {
			return v, err
		}
	}
	info := infoFields(memory.Val() + "\n" + persistence.Val())
	if enabled, known := info["aof_enabled"]; known {
		v.settings[AppendOnly] = map[string]string{"1": "yes"}[enabled]
		if enabled != "1" {
			v.settings[AppendOnly] = "no"
		}
	}
	if policy, known := info["maxmemory_policy"]; known {
		v.settings[MaxmemoryPolicy] = policy
	}
	for name, value := range settings.Val() {
		v.settings[Setting(name)] = value
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(info[name], 10, 64) // what is missing counts for nothing
		return n
	}
	// As Redis counts when it decides whether its memory is full.
	v.used, v.max = number("used_memory")-number("mem_not_counted_for_evict"), number("maxmemory")
	return v, nil
}

// infoFields are the names and values of INFO.
func infoFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	return fields
}

// merge is what all masters come to: one that is wrong is enough.
func (s *Store) merge(servers []server) Condition {
	c := Condition{Faults: map[Setting]string{}}
	for _, setting := range Settings {
		answers := 0
		for _, v := range servers {
			value, known := v.settings[setting]
			if !known {
				continue
			}
			answers++
			if fault := s.fault(setting, value); fault != "" {
				c.Faults[setting] = fault
			}
		}
		// An operator who allows data loss needs no report that a setting is not checked.
		if answers < len(servers) && !s.config.AllowDataLoss && (setting != MinReplicas || s.config.Replicas > 0) {
			c.Unread = append(c.Unread, setting)
		}
	}
	for _, v := range servers {
		if v.max > 0 {
			c.Used = max(c.Used, float64(v.used)/float64(v.max))
		}
	}
	switch {
	case c.Used >= 1:
		c.Memory = MemoryFull
	case c.Used > 0 && c.Used >= float64(s.config.MemoryWarning)/100:
		c.Memory = MemoryLow
	}
	return c
}

// fault is what is wrong with a setting and what to do, or nothing.
func (s *Store) fault(setting Setting, value string) string {
	switch setting {
	case MinReplicas:
		if n, err := strconv.Atoi(value); err != nil || n < s.config.Replicas {
			return fmt.Sprintf("Redis has min-replicas-to-write %s, and calls wait for %d replicas: CONFIG SET min-replicas-to-write %d",
				value, s.config.Replicas, s.config.Replicas)
		}
	case MaxmemoryPolicy:
		if value != noEviction {
			return fmt.Sprintf("Redis has maxmemory-policy %s and may delete a sale's keys, so nothing is sold: CONFIG SET maxmemory-policy %s", value, noEviction)
		}
	default:
		if want := durable[setting]; value != want {
			return fmt.Sprintf("Redis has %s %s and may lose what it acknowledged: CONFIG SET %s %s, or start with --redis-allow-data-loss",
				setting, value, setting, want)
		}
	}
	return ""
}
