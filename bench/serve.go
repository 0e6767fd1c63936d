package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"onsale/bench/strategy"
	"onsale/internal/token"
)

// serve is one strategy as a process of its own, so that its cost is counted
// apart from what its stores cost.
type serve struct {
	Strategy     string `required:"" help:"Name of the strategy, which may be one of the deliberately broken ones."`
	Listen       string `required:"" help:"host:port."`
	Redis        string `help:"Redis as host:port, for strategies that need it."`
	Database     string `help:"PostgreSQL's URL, for strategies that need it." env:"ONSALE_BENCH_DATABASE"`
	Keys         string `required:"" help:"Key set to verify tokens with." type:"existingfile"`
	Audience     string `default:"onsale" help:"What tokens must be for."`
	RedisPool    int    `help:"Connections to Redis, at most. 0: the package's default, as for the next four. Strategies with pipelines have as many as these need."`
	PostgresPool int    `help:"Connections to PostgreSQL."`
	Attempts     int    `help:"How often postgres-version tries before it answers busy."`
	Pipelines    int    `help:"Round trips of redis-lua-pipelined and redis-streams at a time."`
	Batch        int    `help:"Requests that share one of these, or a turn of redis-streams' seller, at most."`
}

// Run sells until ctx ends.
func (s *serve) Run(ctx context.Context) (err error) {
	entry, ok := strategy.Find(s.Strategy)
	if !ok {
		return fmt.Errorf("there is no strategy %q", s.Strategy)
	}
	verifier, err := token.LoadVerifier(s.Keys, token.Config{Audiences: []string{s.Audience}})
	if err != nil {
		return err
	}
	config := strategy.DefaultConfig(s.Redis, s.Database)
	config.RedisPool = cmp.Or(s.RedisPool, config.RedisPool)
	config.PostgresPool = cmp.Or(s.PostgresPool, config.PostgresPool)
	config.Attempts = cmp.Or(s.Attempts, config.Attempts)
	config.Pipelines = cmp.Or(s.Pipelines, config.Pipelines)
	config.Batch = cmp.Or(s.Batch, config.Batch)
	seller, err := entry.Make(ctx, config)
	if err != nil {
		return fmt.Errorf("%s: %w", entry.Name, err)
	}
	defer func() { err = errors.Join(err, seller.Close()) }()
	return strategy.Serve(ctx, s.Listen, seller, verifier)
}
