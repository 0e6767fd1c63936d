package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/lua"
)

// Calls whose answers somebody acts on are acknowledged by replicas before they count,
// where the configuration asks for that: a failover then loses nothing that anybody
// was answered. The marks of the other calls are not remembered, as a failover may take
// them back without any harm.
var acknowledged = map[*lua.Script]bool{
	openScript: true, deductScript: true, joinScript: true, resolveScript: true, settleScript: true, restockScript: true,
	closeScript: true, changeScript: true, partScript: true, findScript: true, pageScript: true, orphanScript: true, bindScript: true,
}

// errReplicas: the script ran, and fewer replicas than were asked for have confirmed it in
// time. Its effect may be lost with this master, so it is sent again.
var errReplicas = errors.New("too few replicas have confirmed the call")

// waitKey is written after each call that waits. WAIT covers what its own connection has
// written, and a script that answers from what is there has written nothing: since Redis
// 7.2 a WAIT behind it would return at once.
func waitKey(saleKey string) string { return saleKey + ":wait" }

// waitKeyLives ends the key of a sale that is gone.
const waitKeyLives = time.Hour

// confirmed sends the script, a write and WAIT as one pipeline, on one connection.
func (s *Store) confirmed(ctx context.Context, sc *lua.Script, keys []string, args []any, full bool) ([]any, error) {
	client, err := s.masterOf(ctx, keys[0])
	if err != nil {
		return nil, err
	}
	script := sc.Command(ctx, full, keys, args)
	wait := s.waitCommand(ctx)
	p := client.Pipeline()
	_ = p.Process(ctx, script) // queued: errors come with Exec, on each command
	put := putScript.Command(ctx, true, []string{waitKey(keys[0])}, []any{"1", waitKeyLives.Milliseconds()})
	_ = p.Process(ctx, put)
	_ = p.Process(ctx, wait)
	if _, err := p.Exec(ctx); misdirected(err) {
		refollow(s.client)
	}
	if err := script.Err(); err != nil {
		return nil, err
	}
	// A WAIT behind a write that failed may have waited for nothing.
	if err := put.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errReplicas, err)
	}
	got, err := replicasOf(wait)
	if err != nil {
		s.noWaitAOF(err)
		return nil, fmt.Errorf("%w: %w", errReplicas, err)
	}
	if got < s.config.Replicas {
		return nil, fmt.Errorf("%w: %d of %d", errReplicas, got, s.config.Replicas)
	}
	return script.Slice()
}

// masterOf is the client of the server that runs the script. In a Cluster, WAIT has no key
// by which go-redis could route it.
func (s *Store) masterOf(ctx context.Context, key string) (redis.Cmdable, error) {
	if c, is := s.client.(*redis.ClusterClient); is {
		return c.MasterForKey(ctx, key)
	}
	return s.client, nil
}

// waiting is how replicas confirm.
type waiting struct {
	asked, aof atomic.Bool
}

// waitCommand is WAITAOF where the server has it (Redis 7.2 and Valkey): replicas have the
// write on disk then. WAIT otherwise: they have it in memory.
func (s *Store) waitCommand(ctx context.Context) *redis.Cmd {
	within := s.config.Call.Milliseconds() / 2
	if !s.waits.asked.Swap(true) {
		info, err := s.client.Do(ctx, "command", "info", "waitaof").Slice()
		s.waits.aof.Store(err == nil && len(info) == 1 && info[0] != nil)
		s.waits.asked.Store(err == nil)
	}
	if s.waits.aof.Load() {
		return redis.NewCmd(ctx, "waitaof", 1, s.config.Replicas, within)
	}
	return redis.NewCmd(ctx, "wait", s.config.Replicas, within)
}

// noWaitAOF asks again after an error: another server may have been promoted.
func (s *Store) noWaitAOF(error) { s.waits.asked.Store(false) }

func replicasOf(wait *redis.Cmd) (int, error) {
	v, err := wait.Result()
	if err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case int64:
		return int(v), nil
	case []any: // WAITAOF: local, replicas
		if len(v) == 2 {
			if n, ok := v[1].(int64); ok {
				return int(n), nil
			}
		}
	}
	return 0, fmt.Errorf("%w: WAIT answered %v", ErrReply, v)
}

// ErrMinReplicas is returned by [Store.CheckReplicas] where the server takes writes with
// fewer replicas than this program waits for.
var ErrMinReplicas = errors.New("the Redis server's min-replicas-to-write is too low")

// CheckReplicas compares the server's min-replicas-to-write with the replicas that calls
// wait for. Were it lower, claims would be deducted on a master whose replicas are gone, and
// end unknown, until the last ticket is. A Redis that does not answer is no error.
func (s *Store) CheckReplicas(ctx context.Context) error {
	if s.config.Replicas == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	return s.masters(ctx, func(ctx context.Context, c redis.Cmdable) error {
		got, err := c.ConfigGet(ctx, "min-replicas-to-write").Result()
		if hasCode(err, "NOPERM") {
			return fmt.Errorf("%w: the user may not read it: give it +config|get", ErrMinReplicas)
		}
		if err != nil {
			return nil
		}
		if n, _ := strconv.Atoi(strings.TrimSpace(got["min-replicas-to-write"])); n < s.config.Replicas {
			return fmt.Errorf("%w: it is %d, and calls wait for %d replicas: CONFIG SET min-replicas-to-write %d on every server, and in its configuration",
				ErrMinReplicas, n, s.config.Replicas, s.config.Replicas)
		}
		return nil
	})
}
