package strategy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// gated is a client whose round trips wait until the gate is open.
type gated struct {
	redis.UniversalClient
	gate  chan struct{}
	began chan int // how many commands each has
}

func (g gated) Pipeline() redis.Pipeliner { return gatedPipeline{g.UniversalClient.Pipeline(), g} }

type gatedPipeline struct {
	redis.Pipeliner
	g gated
}

func (p gatedPipeline) Exec(ctx context.Context) ([]redis.Cmder, error) {
	p.g.began <- p.Len()
	<-p.g.gate
	return p.Pipeliner.Exec(ctx)
}

// held is a pipeline of one round trip at a time, the first of which waits at the gate.
func held(t *testing.T, batch int) (p *pipeline, g gated, first <-chan error) {
	t.Helper()
	c := config()
	c.Pipelines, c.Batch = 1, batch
	g = gated{server(t), make(chan struct{}), make(chan int, 100)}
	p = newPipeline(g, c)
	t.Cleanup(p.close)
	done := make(chan error, 1)
	go func() { done <- p.do(t.Context(), redis.NewStatusCmd(t.Context(), "ping")) }()
	if n := <-g.began; n != 1 {
		t.Errorf("got %d commands in the first round trip, want 1", n)
	}
	return p, g, done
}

func TestPipeline(t *testing.T) {
	t.Run("what came meanwhile shares the next round trip, up to a batch", func(t *testing.T) {
		p, g, first := held(t, 8)
		var wait sync.WaitGroup
		for i := range 8 + 3 {
			wait.Go(func() {
				echo := redis.NewStringCmd(t.Context(), "echo", i)
				if err := p.do(t.Context(), echo); err != nil || echo.Val() != fmt.Sprint(i) {
					t.Errorf("%d: got %q, %v", i, echo.Val(), errors.Join(err, echo.Err()))
				}
			})
			if i < 8 { // the others don't fit
				await.Until(t, "call", func() bool { return len(p.calls) == i+1 })
			}
		}
		close(g.gate)
		wait.Wait()
		if err := <-first; err != nil {
			t.Error(err)
		}
		if n := <-g.began; n != 8 {
			t.Errorf("got %d commands in the second round trip, want 8", n)
		}
	})
	t.Run("a command that fails fails alone", func(t *testing.T) {
		p, g, _ := held(t, 8)
		close(g.gate)
		bad, good := redis.NewStatusCmd(t.Context(), "no-command"), redis.NewStatusCmd(t.Context(), "ping")
		if err := p.do(t.Context(), bad, good); err != nil || bad.Err() == nil || good.Val() != "PONG" {
			t.Errorf("got %v, %v, %v", err, bad.Err(), good)
		}
	})
	t.Run("who leaves before the round trip has sent nothing", func(t *testing.T) {
		p, g, first := held(t, 8)
		key := newName()
		limit, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- p.do(limit, redis.NewStatusCmd(t.Context(), "set", key, 1)) }()
		await.Until(t, "call", func() bool { return len(p.calls) == 1 })
		leave()
		if err := <-left; !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, want %v", err, sale.ErrUnavailable)
		}
		close(g.gate)
		<-first
		n := redis.NewIntCmd(t.Context(), "exists", key)
		if err := p.do(t.Context(), n); err != nil || n.Val() != 0 {
			t.Errorf("got %v, %v, want nothing sent", n, err)
		}
	})
	t.Run("who leaves during the round trip does not know", func(t *testing.T) {
		p, g, _ := held(t, 8)
		g.gate <- struct{}{}
		limit, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- p.do(limit, redis.NewStatusCmd(t.Context(), "ping")) }()
		<-g.began
		leave()
		if err := <-left; !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("got %v, want %v", err, sale.ErrUnknown)
		}
		close(g.gate)
	})
	t.Run("a closed one sends nothing", func(t *testing.T) {
		p, g, first := held(t, 8)
		waits := make(chan error, 1)
		go func() { waits <- p.do(t.Context(), redis.NewStatusCmd(t.Context(), "ping")) }()
		await.Until(t, "call", func() bool { return len(p.calls) == 1 })
		closed := make(chan struct{})
		go func() { defer close(closed); p.close() }()
		<-p.quit
		close(g.gate)
		<-closed
		if err := <-first; err != nil {
			t.Errorf("under way: got %v", err)
		}
		// Whether the sender had taken it up already is chance.
		if err := <-waits; err != nil && !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("waiting: got %v, want a reply or %v", err, sale.ErrUnavailable)
		}
		if err := p.do(t.Context(), redis.NewStatusCmd(t.Context(), "ping")); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("afterwards: got %v, want %v", err, sale.ErrUnavailable)
		}
	})
}

// Each claim is a call of its own: the server counts them.
func TestPipelinedClaimsAreCallsOfTheirOwn(t *testing.T) {
	s, name := opened(t, "redis-lua-pipelined", 20)
	wantBuy(t, s, name, "first", Sold) // Redis has the script now
	client := server(t)
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	answers := buyTwice(t.Context(), 10, of(s, name))
	if _, faults := audit(t, s, name, 20, answers); faults != nil {
		t.Errorf("got the faults %q", faults)
	}
	stats, err := client.InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	if got := stats["Commandstats"]["cmdstat_evalsha"]; !slices.Contains([]string{"calls=20,"}, got[:min(9, len(got))]) {
		t.Errorf("got evalsha %q, want 20 calls", got)
	}
}
