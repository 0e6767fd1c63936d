package remotestock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
	"onsale/lua"
)

// piped is how many reads or glances one pipeline carries. Raised, other callers wait longer
// behind it: 64 reads keep Redis for about two milliseconds. Lowered, there are more round trips.
const piped = 64

// pipeline sends commands that only read, through the breaker, in one round trip. The errors
// are the commands' own.
func (s *Store) pipeline(ctx context.Context, name string, commands []redis.Cmder) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	sent := time.Now()
	_, err := s.breaker.Execute(func() ([]any, error) {
		p := s.client.Pipeline()
		for _, c := range commands {
			_ = p.Process(ctx, c) // queued: errors come with Exec, on each command
		}
		_, err := p.Exec(ctx)
		for _, c := range commands { // the first error may be an answer, and a later one none
			if e := c.Err(); !healthy(e) {
				return nil, e
			}
		}
		return nil, err
	})
	if tripped(err) {
		refollow(s.client)
		for _, c := range commands {
			c.SetErr(err)
		}
	}
	if healthy(err) { // Redis answered, whatever its error about one sale
		err = nil
	}
	s.observer.note(err)
	if s.hooks.Called != nil {
		s.hooks.Called(name, 0, time.Since(sent), err)
	}
}

// ReadAll is Read of many sales in few round trips. The answers are in the order of the asks.
func (s *Store) ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer {
	answers := make([]sale.Answer, 0, len(asks))
	for len(asks) > 0 {
		n := min(piped, len(asks))
		answers = append(answers, s.readPiped(ctx, asks[:n])...)
		asks = asks[n:]
	}
	return answers
}

func (s *Store) readPiped(ctx context.Context, asks []sale.Ask) []sale.Answer {
	commands, all := make([]redis.Cmder, len(asks)), make([][]any, len(asks))
	sent, boot, steps := time.Now(), sinceBoot(), make([]time.Duration, len(asks))
	for i, a := range asks {
		seen := s.seen(a.ID)
		steps[i] = seen.time.ahead()
		all[i] = append([]any{s.node, knows(int64(a.Known), steps[i]), seen.text()}, bookNames...)
		commands[i] = readScript.Command(ctx, false, seen.keys, all[i])
	}
	s.pipeline(ctx, readScript.Name, commands)
	received := sinceBoot()
	answers := make([]sale.Answer, len(asks))
	for i, a := range asks {
		raw, err := commands[i].(*redis.Cmd).Slice()
		answer := &answers[i]
		if lua.Missing(err) { // it did not run; the first such call has Redis load it
			answer.Sale, answer.Reading, answer.Err = s.Read(ctx, a.ID, a.Known)
			continue
		}
		seen := s.seen(a.ID)
		r, err := s.receive(seen, readScript, all[i], raw, asked{sent, boot, steps[i]}, received, err)
		s.follow(seen, r.lost, err)
		answer.Sale, answer.Reading, answer.Err = s.polled(a.ID, r, classify(readScript.Name, err))
	}
	return answers
}

// glanced are the fields of a sale's hash that make a [sale.Glance].
var glanced = []string{"life", "epoch", "seq", "link", "plan", "held", "read", "lost"}

// Glances looks at many sales in few round trips. It compares nothing and writes nothing: who
// finds another mark than expected reads the sale. The errors are in the order of the ids, and
// as those of [Store.Read].
func (s *Store) Glances(ctx context.Context, ids []sale.ID) (glances []sale.Glance, errs []error) {
	for chunk := range slices.Chunk(ids, piped) {
		commands := s.glanceCommands(ctx, chunk)
		s.pipeline(ctx, "glance", commands)
		g, e := parseGlances(chunk, commands)
		glances, errs = append(glances, g...), append(errs, e...)
	}
	return glances, errs
}

func (s *Store) glanceCommands(ctx context.Context, ids []sale.ID) []redis.Cmder {
	commands := make([]redis.Cmder, len(ids))
	for i, id := range ids {
		args := make([]any, 0, 2+len(glanced))
		args = append(args, "hmget", s.seen(id).keys[0])
		commands[i] = redis.NewSliceCmd(ctx, append(args, anys(glanced)...)...)
	}
	return commands
}

func parseGlances(ids []sale.ID, commands []redis.Cmder) ([]sale.Glance, []error) {
	glances, errs := make([]sale.Glance, len(ids)), make([]error, len(ids))
	for i, c := range commands {
		values, err := c.(*redis.SliceCmd).Result()
		if err == nil {
			glances[i], err = parseGlance(ids[i], values)
		} else {
			err = classify("glance", err)
		}
		errs[i] = reached(err)
	}
	return glances, errs
}

func parseGlance(id sale.ID, values []any) (g sale.Glance, err error) {
	if len(values) != len(glanced) || values[1] == nil {
		return g, sale.NoSale(string(id))
	}
	for i, into := range []*string{0: &g.Life, 3: &g.Link, 7: &g.Lost} {
		if into != nil {
			*into, _ = values[i].(string)
		}
	}
	var plan int64
	for i, into := range []*int64{1: &g.Epoch, 2: &g.Seq, 4: &plan, 5: &g.Held, 6: &g.Read} {
		if into == nil {
			continue
		}
		if *into, err = number(glanced[i], values[i]); err != nil {
			return g, fmt.Errorf("glance: %w", err)
		}
	}
	g.Plan = sale.Generation(plan)
	return g, nil
}
