package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Acquirer is one holder's view of a lease: a [Lease], or a test's.
type Acquirer interface {
	// Acquire takes the lease or renews it. The token rises with each new
	// holder; held is false while another holds it.
	Acquire(ctx context.Context) (token sale.Generation, held bool, err error)
	// Release gives the lease up; without it, it does nothing.
	Release(ctx context.Context) error
}

// Config tunes a holder. Each comment states what raising and lowering costs.
type Config struct {
	// TTL is for how long the lease is held without renewal; it must be the
	// lease's time to live in Redis. Raised: a dead holder is replaced later.
	// Lowered: a slow Redis costs a healthy holder its lease.
	TTL time.Duration
	// Renew is how often the holder renews and a campaign tries; at most a
	// third of TTL. Raised: fewer tries before the lease ends. Lowered: more calls.
	Renew time.Duration
	// Call bounds each call. Raised: a call that hangs takes tries from the
	// lease. Lowered: a Redis that is merely slow counts as away.
	Call time.Duration
	// Finish is for how long work may outlive a stop. Raised: a holder that
	// stops may keep the lease longer. Lowered: work under way is cut off.
	Finish time.Duration
}

// Holder holds one lease, again and again: Try or Campaign gets it, Hold keeps
// it while a function runs. One goroutine at a time may use it.
type Holder struct {
	lease  Acquirer
	cfg    Config
	report func(error)
	grant  grant
}

// grant is a lease that was acquired: its token, and its end, counted from the
// sending of the call that got it, so never after its end in Redis.
type grant struct {
	token sale.Generation
	ends  time.Time
}

// NewHolder makes a holder. report receives the result of every call that
// Campaign and Hold make, nil included, one at a time; calls that failed because
// their caller stopped are left out.
func NewHolder(lease Acquirer, cfg Config, report func(error)) *Holder {
	return &Holder{lease: lease, cfg: cfg, report: report}
}

// Try asks for the lease once. If it is held, Hold must follow.
func (h *Holder) Try(ctx context.Context) (held bool, err error) {
	h.grant, held, err = h.acquire(ctx)
	return held, err
}

// Campaign tries until the lease is held, and Hold must follow. It returns
// ctx's error if ctx is done before.
func (h *Holder) Campaign(ctx context.Context) error {
	for ctx.Err() == nil {
		held, err := h.Try(ctx)
		if err == nil || ctx.Err() == nil {
			h.report(err)
		}
		if held {
			return nil
		}
		pause.For(ctx, h.cfg.Renew)
	}
	return ctx.Err()
}

// Hold runs do while it renews the lease, and releases the lease after do has
// returned. It returns do's error, or [sale.ErrLeaseLost].
//
// When the lease is lost, both contexts that do gets are cancelled with
// [sale.ErrLeaseLost] as cause. When ctx is done, stop is done at once; work is
// cancelled only Config.Finish later, so that do can finish what is under way.
func (h *Holder) Hold(ctx context.Context, do func(stop, work context.Context, token sale.Generation) error) error {
	g := h.grant
	work, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	defer context.AfterFunc(work, func() { halt(context.Cause(work)) })()
	var children sync.WaitGroup
	children.Go(func() { end(h.keep(work, g)) })
	children.Go(func() {
		select {
		case <-stop.Done():
			if pause.For(work, h.cfg.Finish) {
				end(context.Cause(stop))
			}
		case <-work.Done():
		}
	})
	err := do(stop, work, g.token)
	lost := errors.Is(context.Cause(work), sale.ErrLeaseLost)
	end(nil)
	children.Wait()
	h.release(ctx)
	if lost {
		return sale.ErrLeaseLost
	}
	return err
}

// keep renews the lease until ctx is done. It returns [sale.ErrLeaseLost] when
// another has the lease, when another had it in between (a new token), or when
// it has ended. A single failed renewal ends nothing.
func (h *Holder) keep(ctx context.Context, g grant) error {
	for {
		if !pause.For(ctx, min(h.cfg.Renew, time.Until(g.ends))) {
			return nil
		}
		if !time.Now().Before(g.ends) {
			return sale.ErrLeaseLost
		}
		call, cancel := context.WithDeadline(ctx, g.ends) // a call that hangs does not outlast the lease
		next, held, err := h.acquire(call)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		h.report(err)
		switch {
		case err != nil:
		case !held || next.token != g.token:
			return sale.ErrLeaseLost
		default:
			g = next
		}
	}
}

func (h *Holder) acquire(ctx context.Context) (grant, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Call)
	defer cancel()
	sent := time.Now()
	token, held, err := h.lease.Acquire(ctx)
	return grant{token: token, ends: sent.Add(h.cfg.TTL)}, held && err == nil, err
}

// release gives the lease up, also after a loss: if Redis still counts it as
// ours, the next holder, perhaps this one, must get a new token.
func (h *Holder) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Call)
	defer cancel()
	h.report(h.lease.Release(ctx))
}
