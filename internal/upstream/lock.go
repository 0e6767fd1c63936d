package upstream

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"onsale/internal/pause"
)

// lock waits until this process alone may write the file, or until ctx ends; it returns nil then. The
// kernel releases the lock of a process that dies, so whoever waits takes over the file at once.
//
// Two writers would undo each other's work: each learns in a moment of its own which nodes there are.
func (p *Publisher) lock(ctx context.Context) *os.File {
	waits := false
	for {
		held, err := tryLock(filepath.Join(filepath.Dir(p.cfg.File), "."+filepath.Base(p.cfg.File)+".lock"))
		switch {
		case err == nil:
			if waits {
				p.log.Info("nobody else writes the upstream's file any more: taking over", zap.String("file", p.cfg.File))
			}
			return held
		case errors.Is(err, unix.EWOULDBLOCK):
			if !waits {
				waits = true
				p.log.Info("another process writes the upstream's file: standing by", zap.String("file", p.cfg.File))
			}
			if p.hooks.StandsBy != nil {
				p.hooks.StandsBy()
			}
		default:
			p.reportFailure([]byte{}, err) // logged once
		}
		if !pause.For(ctx, p.cfg.Retry) {
			return nil
		}
	}
}

// tryLock returns the locked file, or EWOULDBLOCK if another process has it. Closing it releases it.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
