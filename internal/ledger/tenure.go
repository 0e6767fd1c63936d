package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"onsale/internal/sale"
)

// Lease picks one reader a sale. An implementation is one ledger's view of one sale's lease.
type Lease interface {
	// Acquire takes the lease or renews it. The token rises with each new holder; held is
	// false while another ledger has the lease.
	Acquire(ctx context.Context) (token sale.Generation, held bool, err error)
	// Release gives the lease up; without it, it does nothing.
	Release(ctx context.Context) error
}

// errLost ends the reading of a sale whose lease lapsed, or passed to another and back.
var errLost = errors.New("the lease was lost")

// tenure is one stretch of holding one sale's lease.
type tenure struct {
	id      sale.ID
	lease   Lease
	cfg     Config
	journal *journal

	token sale.Generation
	ends  time.Time // counted from the sending of the call that got it, so never after its end in Redis
}

// take tries for the lease once.
func (t *tenure) take(ctx context.Context) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Call)
	defer cancel()
	sent := time.Now()
	token, held, err := t.lease.Acquire(ctx)
	if err != nil || !held {
		return false, err
	}
	t.token, t.ends = token, sent.Add(t.cfg.LeaseTime)
	return true, nil
}

// during calls do while the lease is renewed, and gives it up afterwards. Both contexts that
// do gets are done when the lease is lost, which is then the error. Where stop is done first,
// work outlives it for the time that one transaction may take, so that what is under way is
// finished.
func (t *tenure) during(stop context.Context, do func(stop, work context.Context) error) error {
	work, end := context.WithCancelCause(context.WithoutCancel(stop))
	stop, halt := context.WithCancel(stop)
	defer halt()
	defer context.AfterFunc(work, halt)()
	var children sync.WaitGroup
	children.Go(func() { end(t.keep(work)) })
	children.Go(func() {
		select {
		case <-stop.Done():
			if pause(work, t.cfg.Commit) {
				end(context.Cause(stop))
			}
		case <-work.Done():
		}
	})
	err := do(stop, work)
	lost := errors.Is(context.Cause(work), errLost)
	end(nil)
	children.Wait()

	// Released also after a loss or a fence: where Redis still counts the lease as ours, the
	// next holder, perhaps this ledger, must get a new token.
	rest, cancel := context.WithTimeout(context.WithoutCancel(stop), t.cfg.Call)
	defer cancel()
	t.journal.note(OpLease, t.id, t.lease.Release(rest))
	if lost {
		return errLost
	}
	return err
}

// keep renews the lease until ctx is done, and returns errLost when it is another's, was
// another's in between (a new token), or has lapsed. One failed renewal ends nothing.
func (t *tenure) keep(ctx context.Context) error {
	for {
		if !pause(ctx, min(t.cfg.LeaseTime/3, time.Until(t.ends))) {
			return nil
		}
		if !time.Now().Before(t.ends) {
			return errLost
		}
		token, ends := t.token, t.ends
		call, cancel := context.WithDeadline(ctx, ends) // a call that hangs does not outlast the lease
		held, err := t.take(call)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		t.journal.note(OpLease, t.id, err)
		if err == nil && (!held || t.token != token) {
			return errLost
		}
	}
}
