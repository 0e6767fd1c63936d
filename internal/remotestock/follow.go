package remotestock

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// follower has the client of a Redis Cluster ask who serves which slot as soon as
// a call fails that may have gone to the wrong node. go-redis by itself asks once a
// minute, after a redirect, and when it retries; our calls it must not retry, so a
// dead master stayed in its map for up to a minute after the promotion.
//
// ReloadState is a single flight in the background, and rests for 200 ms after
// each success: failing calls cost the Cluster five CLUSTER SLOTS a second and client.
type follower struct{ client *redis.ClusterClient }

// follow gives a Cluster's client a follower. Other clients learn of a new
// master from Sentinels, or always have the same server.
func follow(client redis.UniversalClient) {
	if c, is := client.(*redis.ClusterClient); is {
		c.AddHook(follower{c})
	}
}

// refollow is for calls that the circuit breaker keeps from being sent: the map is
// fresh then when it lets one through.
func refollow(client redis.UniversalClient) {
	if c, is := client.(*redis.ClusterClient); is {
		c.ReloadState(context.Background())
	}
}

// DialHook changes nothing.
func (follower) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook looks at how a command ended.
func (f follower) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		f.note(ctx, err)
		return err
	}
}

// ProcessPipelineHook looks at how a pipeline or transaction ended.
func (f follower) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		f.note(ctx, err)
		return err
	}
}

func (f follower) note(ctx context.Context, err error) {
	if misdirected(err) {
		f.client.ReloadState(ctx)
	}
}

// misdirected reports whether another node may serve the slot by now: nobody
// answered, or somebody who can't.
func misdirected(err error) bool {
	var reply redis.Error
	if errors.As(err, &reply) {
		for _, code := range []string{"CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING", "MOVED"} {
			if strings.HasPrefix(reply.Error(), code) {
				return true
			}
		}
		return false
	}
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, redis.ErrClosed) && !unsent(err)
}

// unreachable reports whether a call failed because no server that could run it
// answered, as opposed to one that answered that the sale's records are broken.
func unreachable(err error) bool {
	return !healthy(err) && !errors.Is(err, ErrReply) && !errors.Is(err, sale.ErrNoSale)
}
