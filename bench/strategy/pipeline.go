package strategy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// pipeline sends the commands of concurrent requests together, each as it is: what came
// while the last round trip was under way shares the next. Nobody waits for company.
//
// A caller may leave before its commands are sent, and then they never are.
type pipeline struct {
	client redis.UniversalClient
	call   time.Duration
	batch  int
	calls  chan *call
	quit   chan struct{} // closed: no further round trip begins
	ended  chan struct{} // closed: none is under way either
	close  func()
}

// call is one caller's commands. They are the pipeline's until done is closed.
type call struct {
	ctx    context.Context
	cmds   []redis.Cmder
	settle atomic.Bool // who sets it decides: the sender sends, or the caller has left
	done   chan struct{}
}

// newPipeline starts the senders, which its caller ends by close. It may be called twice.
func newPipeline(client redis.UniversalClient, c Config) *pipeline {
	p := &pipeline{
		client: client, call: c.Call, batch: c.Batch,
		calls: make(chan *call, c.Batch), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	var senders sync.WaitGroup
	for range c.Pipelines {
		senders.Go(p.send)
	}
	p.close = sync.OnceFunc(func() {
		close(p.quit)
		senders.Wait()
		close(p.ended)
	})
	return p
}

// do returns once the commands have their replies or errors. An error of its own, and the
// commands must not be read then: sale.ErrUnavailable if they were never sent,
// sale.ErrUnknown if they may have run.
func (p *pipeline) do(ctx context.Context, cmds ...redis.Cmder) error {
	c := &call{ctx: ctx, cmds: cmds, done: make(chan struct{})}
	select {
	case p.calls <- c:
	case <-ctx.Done():
		return fmt.Errorf("%w: not sent: %w", sale.ErrUnavailable, ctx.Err())
	case <-p.quit:
		return fmt.Errorf("%w: not sent: %w", sale.ErrUnavailable, redis.ErrClosed)
	}
	var why error
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		why = ctx.Err()
	case <-p.ended:
		why = redis.ErrClosed
	}
	if c.settle.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: not sent: %w", sale.ErrUnavailable, why)
	}
	select {
	case <-c.done: // the reply came at the last moment
		return nil
	default:
		return fmt.Errorf("%w: no reply yet: %w", sale.ErrUnknown, why)
	}
}

// send makes one round trip after the other.
func (p *pipeline) send() {
	for {
		select {
		case <-p.quit:
			return
		case c := <-p.calls:
			p.trip(p.gather(c))
		}
	}
}

// gather takes what waits already, up to a batch.
func (p *pipeline) gather(first *call) (calls []*call) {
	for c := first; ; {
		if c.ctx.Err() == nil && c.settle.CompareAndSwap(false, true) {
			calls = append(calls, c)
		}
		if len(calls) == p.batch {
			return calls
		}
		select {
		case c = <-p.calls:
		default:
			return calls
		}
	}
}

// trip is one round trip. A command that got no reply has the error of the connection.
func (p *pipeline) trip(calls []*call) {
	if len(calls) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.call)
	defer cancel()
	together := p.client.Pipeline()
	for _, c := range calls {
		for _, cmd := range c.cmds {
			_ = together.Process(ctx, cmd) // only queued: it can't fail
		}
	}
	_, _ = together.Exec(ctx) // each command has its own error
	for _, c := range calls {
		close(c.done)
	}
}
