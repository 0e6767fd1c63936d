package remotestock

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

const (
	// newsKept is for how long the feed of news remembers. Who was away for longer reads all
	// sales anyway.
	newsKept = time.Hour
	// hotKept is the same of the sales that buyers ask for.
	hotKept = time.Minute
)

// announce has every process read a sale that an operator has changed, within the second.
// The change was made: if it can't be announced, the caller sends it again.
func (s *Store) announce(ctx context.Context, id sale.ID) error {
	if err := s.touch(ctx, s.config.Prefix.News(), newsKept, id); err != nil {
		return fmt.Errorf("sale %s is changed, but that is not announced: %w: %w", id, sale.ErrUnknown, err)
	}
	return nil
}

// Heat publishes, for allocators and ledgers, that buyers ask for these sales.
func (s *Store) Heat(ctx context.Context, ids []sale.ID) error {
	if err := s.touch(ctx, s.config.Prefix.Hot(), hotKept, ids...); err != nil {
		return fmt.Errorf("hot sales: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}

func (s *Store) touch(ctx context.Context, feed string, keep time.Duration, ids ...sale.ID) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	args := []any{keep.Milliseconds()}
	for _, id := range ids {
		args = append(args, string(id))
	}
	_, err := touchScript.Call(ctx, s.client, []string{feed}, args)
	return err
}

// News returns the sales that operators have opened or changed after a number that an earlier
// call returned, and the number for the next one. With 0 the sales are those of the last hour.
// lost: Redis does not have that number any more, so anything may have changed; the next
// number is then 0. The error wraps [sale.ErrUnavailable].
func (s *Store) News(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	return s.feed(ctx, s.config.Prefix.News(), after)
}

// Peek is [Store.News] and [Store.Glances] in one round trip, or in few if the sales are many. The
// error is that of the news; there are no glances beside it.
func (s *Store) Peek(ctx context.Context, after int64, ids []sale.ID) (p sale.Peek, err error) {
	first := ids[:min(len(ids), piped-1)]
	if s.config.Cluster { // its masters die one by one, and one that does not answer must not take the news along
		first = nil
	}
	key := s.config.Prefix.News()
	feed, glances := feedCommand(ctx, key, after), s.glanceCommands(ctx, first)
	s.pipeline(ctx, "peek", append([]redis.Cmder{feed}, glances...))
	if p.News, p.Next, p.Lost, err = parseFeed(feed, key, after); err != nil {
		return p, err
	}
	p.Glances, p.Errs = parseGlances(first, glances)
	more, errs := s.Glances(ctx, ids[len(first):])
	p.Glances, p.Errs = append(p.Glances, more...), append(p.Errs, errs...)
	return p, nil
}

// Hot returns the sales that buyers have asked for after a number, as [Store.News] does;
// those of the last minute with 0.
func (s *Store) Hot(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	return s.feed(ctx, s.config.Prefix.Hot(), after)
}

func (s *Store) feed(ctx context.Context, key string, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	cmd := feedCommand(ctx, key, after)
	s.pipeline(ctx, "feed", []redis.Cmder{cmd})
	return parseFeed(cmd, key, after)
}

func feedCommand(ctx context.Context, key string, after int64) *redis.ZSliceCmd {
	return redis.NewZSliceCmd(ctx, "zrangebyscore", key, after, "+inf", "withscores")
}

func parseFeed(cmd *redis.ZSliceCmd, key string, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	found, err := cmd.Result()
	if err != nil {
		return nil, after, false, fmt.Errorf("%s: %w: %w", key, sale.ErrUnavailable, err)
	}
	if len(found) == 0 {
		return nil, 0, after > 0, nil
	}
	for _, z := range found {
		next = max(next, int64(z.Score))
		member, _ := z.Member.(string)
		if id, err := sale.ParseID(member); err == nil && int64(z.Score) > after {
			ids = append(ids, id)
		}
	}
	return ids, next, false, nil
}
