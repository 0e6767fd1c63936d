package strategy

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

var queueEntry = Entry{
	Name:  "redis-streams",
	Title: "Redis Streams, one seller",
	About: "Requests are queued in a stream (XADD). One process reads them in batches (XREADGROUP), decides in memory, and writes orders, " +
		"acknowledgements and answers in one transaction. A read before it spares buyers the queue where it can't help them.",
	Durable: true,
	Lacks:   []string{"an answer that is kept: one that is lost on its way is unknown, and its buyer has to ask again"},
	Stores:  Stores{Redis: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		if err := c.Validate(Stores{Redis: true}); err != nil {
			return nil, err
		}
		c.RedisPool = c.Pipelines + 2 // the seller's, and one to read a sale with
		s, err := newStore(ctx, c)
		if err != nil {
			return nil, err
		}
		r, err := newReplies(ctx, s.client)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("redis: %w", err), s.Close())
		}
		q := queue{store: s, replies: r, pipeline: newPipeline(s.client, c), seller: newSeller(s, c), config: c}
		q.seller.start()
		return q, nil
	},
}

// requests is the stream of what buyers of all sales ask for. An entry is there from the
// request until the transaction that decides it.
const requests = "strategy:requests"

// queue has each process take requests, and one of them decide: see seller. What
// the buyer is answered was fsynced before, as Redis sends nothing, messages included,
// before the log is on disk.
type queue struct {
	*store
	replies  *replies
	pipeline *pipeline
	seller   *seller
	config   Config
}

// Buy implements Strategy.
func (q queue) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	stock, buyers, _ := keys(name)
	left, slot := redis.NewStringCmd(ctx, "get", stock), redis.NewStringCmd(ctx, "hget", buyers, buyer)
	if err := q.pipeline.do(ctx, left, slot); err != nil {
		return NoOutcome, "", asked("look", err)
	}
	if o, order, err := standing(left, slot); o != NoOutcome || err != nil {
		return o, order, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.config.Call)
	defer cancel()
	id := newID().String() // the order's, if it comes to one, and the request's
	answer, err := q.replies.expect(id)
	if err != nil {
		return NoOutcome, "", fmt.Errorf("request: %w", err)
	}
	defer q.replies.forget(id)
	add := redis.NewStringCmd(ctx, "xadd", requests, "*", "to", q.replies.channel, "order", id, "sale", name, "buyer", buyer)
	if err := q.pipeline.do(ctx, add); err != nil {
		return NoOutcome, "", fmt.Errorf("request: %w", err)
	}
	if err := add.Err(); err != nil {
		return NoOutcome, "", sent("request", err)
	}
	select {
	case d := <-answer:
		return d.outcome, d.order, d.err
	case <-ctx.Done():
		return NoOutcome, "", fmt.Errorf("answer: %w: %w", sale.ErrUnknown, ctx.Err())
	}
}

// Close implements Strategy. The seller finishes its turn; what is queued then is another's,
// or waits for the next.
func (q queue) Close() error {
	q.seller.stop()
	q.pipeline.close()
	q.replies.close()
	return q.store.Close()
}
