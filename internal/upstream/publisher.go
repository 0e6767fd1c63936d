package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Members is the gossip view to publish.
type Members interface {
	View() sale.View
	// Changed delivers after every change of the view; many changes may be one signal.
	Changed() <-chan struct{}
}

// Publisher keeps Nginx's upstream equal to the view.
type Publisher struct {
	members Members
	cfg     Config
	hooks   Hooks
	log     *zap.Logger

	// The rest belongs to Run.

	owed   bool   // the file may be newer than what Nginx has read
	failed []byte // the content whose failure was logged; nil while all is well
	bad    string // the nodes left out, as logged
}

// New returns a publisher of a valid configuration, or the configuration's faults.
func New(members Members, cfg Config, hooks Hooks, log *zap.Logger) (*Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	// Our predecessor may have ended between writing and telling Nginx, so the first
	// publication tells it even of a file that is right already.
	return &Publisher{members: members, cfg: cfg, hooks: hooks, log: log, owed: true}, nil
}

// Run publishes now and after every change, until ctx ends; it returns nil then. A
// failed publication leaves the file as it was and is tried again.
//
// The first signal of a burst starts the debounce and the others do not prolong it, so
// that a cluster which never comes to rest is published all the same.
func (p *Publisher) Run(ctx context.Context) error {
	wake := time.NewTimer(p.cfg.Debounce) // the view at the start is news too
	defer wake.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.members.Changed():
			if !pause(ctx, p.cfg.Debounce) {
				return nil
			}
		case <-wake.C:
		}
		changed, err := p.publish(ctx)
		wake.Stop()
		if err != nil {
			wake.Reset(p.cfg.Retry)
		}
		if changed && !pause(ctx, p.cfg.MinInterval) {
			return nil
		}
	}
}

// publish brings the file and Nginx to the current view and reports whether either had
// to be touched.
func (p *Publisher) publish(ctx context.Context) (changed bool, err error) {
	began := time.Now()
	view := p.members.View()
	p.reportBad(Check(view))
	next := Render(view)
	changed, err = p.apply(ctx, next, len(named(view)) == 0)
	switch {
	case err != nil && ctx.Err() != nil:
		// We are told to stop, and that is no failure.
	case err != nil:
		p.reportFailure(next, err)
	case changed:
		p.failed = nil
		nodes, selling := len(view), len(view.Selling())
		p.log.Info("upstream published", zap.Int("nodes", nodes), zap.Int("selling", selling))
		if p.hooks.Published != nil {
			p.hooks.Published(nodes, selling, time.Since(began))
		}
	default:
		p.failed = nil
	}
	return changed, err
}

// apply puts next in place, unless it is there, and then tells Nginx. A view that knows
// no node never replaces a file: it is what an allocator sees that has just started or
// lost its network, and the nodes on file may well be selling.
func (p *Publisher) apply(ctx context.Context, next []byte, empty bool) (changed bool, err error) {
	old, err := os.ReadFile(p.cfg.File)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, err
	}
	if missing || !empty && !bytes.Equal(old, next) {
		if err := p.replace(ctx, old, missing, next); err != nil {
			return true, err
		}
		p.owed = true
	}
	if !p.owed {
		return false, nil
	}
	if err := p.command(ctx, p.cfg.Reload); err != nil {
		return true, fmt.Errorf("reload nginx: %w", err)
	}
	p.owed = false
	return true, nil
}

// replace writes next and has it tested; what Nginx does not accept gives way to what
// was there before, also when the test was merely cut short.
func (p *Publisher) replace(ctx context.Context, old []byte, missing bool, next []byte) error {
	if err := replaceFile(p.cfg.File, next); err != nil {
		return err
	}
	err := p.command(ctx, p.cfg.Test)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("test nginx's configuration: %w", err)
	if missing {
		return errors.Join(err, os.Remove(p.cfg.File))
	}
	return errors.Join(err, replaceFile(p.cfg.File, old))
}

// reportFailure logs a failure once for each content that failed: the same one is tried
// again every second.
func (p *Publisher) reportFailure(next []byte, err error) {
	if p.hooks.Failed != nil {
		p.hooks.Failed(err)
	}
	if p.failed == nil || !bytes.Equal(p.failed, next) {
		p.failed = next
		p.log.Error("upstream not published, trying again", zap.Error(err))
	}
}

// reportBad logs the nodes left out whenever they change.
func (p *Publisher) reportBad(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != p.bad && err != nil {
		p.log.Warn("nodes left out of the upstream", zap.Error(err))
	}
	p.bad = text
}

// pause waits d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
