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

	"onsale/internal/pause"
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

	view   sale.View
	owed   bool   // the file may be newer than what Nginx has read
	ours   []byte // what the file should be since the last look; nil before the first
	failed []byte // the content whose failure was logged; nil while all is well
	bad    string // the nodes left out, as logged
}

// New returns a publisher of a valid configuration, or the configuration's faults, or
// [ErrMode].
func New(members Members, cfg Config, hooks Hooks, log *zap.Logger) (*Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.checkSite(); err != nil {
		return nil, err
	}
	// Our predecessor may have ended between writing the file and reloading Nginx, so the
	// first publication reloads it even if the file is right already.
	return &Publisher{members: members, cfg: cfg, hooks: hooks, log: log, owed: true}, nil
}

// Run publishes now, after every change, and whenever the file is found to be another
// one than it should be, until ctx ends; it returns nil then. A failed publication leaves
// the file as it was and is tried again.
//
// The first signal of a burst starts the debounce and the others do not prolong it, so
// that a cluster which never comes to rest is published all the same.
//
// Several publishers may have the same file. One of them writes it, and the others wait until that one ends.
func (p *Publisher) Run(ctx context.Context) error {
	held := p.lock(ctx)
	if held == nil {
		return nil
	}
	defer held.Close()
	wake := time.NewTimer(p.cfg.Debounce) // the view at the start is news too
	defer wake.Stop()
	look := true // whether the next wake is for the view, or for the file alone
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.members.Changed():
			if !pause.For(ctx, p.cfg.Debounce) {
				return nil
			}
			look = true
		case <-wake.C:
		}
		if look {
			p.view = p.members.View()
		}
		changed, err := p.publish(ctx)
		look = err != nil
		if look {
			wake.Reset(p.cfg.Retry)
		} else {
			wake.Reset(p.cfg.Check)
		}
		if changed && !pause.For(ctx, p.cfg.MinInterval) {
			return nil
		}
	}
}

// publish brings the file and Nginx to the view and reports whether either had
// to be touched.
func (p *Publisher) publish(ctx context.Context) (changed bool, err error) {
	began := time.Now()
	view := p.view
	old, err := os.ReadFile(p.cfg.File)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing {
		err = nil
	}
	fitting, left := fit(view, old)
	p.reportLeftOut(view, left)
	next := p.cfg.Mode.render(fitting)
	if len(named(fitting)) == 0 {
		// A view that knows no node changes nothing: it is what an allocator sees that has
		// just started or lost its network, and the nodes on file may well be selling.
		switch {
		case p.ours != nil:
			next = p.ours
		case !missing:
			next = old
		}
	}
	if err == nil {
		changed, err = p.apply(ctx, old, missing, next)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		// ctx has ended: that is no failure.
	case err != nil:
		p.reportFailure(next, err)
	case changed:
		p.failed = nil
		nodes, selling := len(fitting), len(fitting.Selling())
		p.log.Info("upstream published", zap.Int("nodes", nodes), zap.Int("selling", selling))
		if p.hooks.Published != nil {
			p.hooks.Published(nodes, selling, time.Since(began))
		}
	default:
		p.failed = nil
	}
	if err == nil && p.hooks.InForce != nil {
		p.hooks.InForce(len(fitting), len(fitting.Selling()))
	}
	return changed, err
}

// apply puts next in place, unless it is there, and then has Nginx reload.
func (p *Publisher) apply(ctx context.Context, old []byte, missing bool, next []byte) (changed bool, err error) {
	if missing || !bytes.Equal(old, next) {
		foreign := p.ours != nil && (missing || !bytes.Equal(old, p.ours))
		if err := p.replace(ctx, old, missing, next); err != nil {
			return true, err
		}
		p.owed = true
		if foreign {
			p.reportRestored()
		}
	}
	p.ours = next
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

// reportRestored is called once for each time that somebody else had changed the file.
func (p *Publisher) reportRestored() {
	p.log.Warn("the upstream's file had been changed by another hand, and is replaced: nobody else may write it",
		zap.String("file", p.cfg.File))
	if p.hooks.Restored != nil {
		p.hooks.Restored()
	}
}

// reportLeftOut logs the nodes left out whenever they change. full are those for which
// there is no room.
func (p *Publisher) reportLeftOut(view sale.View, full int) {
	err := Check(view)
	if full > 0 {
		err = errors.Join(fmt.Errorf("%w: %d more than the %d that there is room for", ErrFull, full, MaxNodes), err)
	}
	if p.hooks.LeftOut != nil {
		p.hooks.LeftOut(len(view) - len(named(view)) + full)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != p.bad && err != nil {
		p.log.Warn("nodes left out of the upstream", zap.String("error", text[:min(len(text), outputLimit)]))
	}
	p.bad = text
}
