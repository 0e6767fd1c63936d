package strategy

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var pipelinedEntry = Entry{
	Name:  "redis-lua-pipelined",
	Title: "Redis, Lua calls in pipelines",
	About: "The script of redis-lua, once a request. The calls of requests that come at the same time share a round trip of " +
		"their process, and so an fsync, but none decides for another.",
	Durable: true,
	Stores:  Stores{Redis: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		if err := c.Validate(Stores{Redis: true}); err != nil {
			return nil, err
		}
		c.RedisPool = c.Pipelines // more would have nothing to do
		s, err := newStore(ctx, c)
		if err != nil {
			return nil, err
		}
		return pipelined{s, newPipeline(s.client, c)}, nil
	},
}

// pipelined asks Redis for each buyer, and for many at a time.
type pipelined struct {
	*store
	pipeline *pipeline
}

// Buy implements Strategy.
func (p pipelined) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	stock, buyers, orders := keys(name)
	id := newID().String()
	claim := func() (*redis.Cmd, error) {
		cmd := redis.NewCmd(ctx, "evalsha", buy.Hash(), 3, stock, buyers, orders, buyer, id)
		return cmd, p.pipeline.do(ctx, cmd)
	}
	cmd, err := claim()
	if err == nil && redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		// Redis has restarted, and has not run it.
		if err := buy.Load(ctx, p.client).Err(); err != nil {
			return NoOutcome, "", asked("load", err)
		}
		cmd, err = claim()
	}
	if err != nil {
		return NoOutcome, "", fmt.Errorf("buy: %w", err)
	}
	return verdict(cmd)
}

// Close implements Strategy.
func (p pipelined) Close() error {
	p.pipeline.close()
	return p.store.Close()
}
