package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"onsale/internal/testbed"
)

// How a run can end that measured something. What was measured is printed in each case.
var (
	errBroken      = errors.New("a promise was broken, see the faults above")
	errUnshown     = errors.New("the run does not show all that was asked of it, see unshown above")
	errInterrupted = errors.New("interrupted: what was measured until then is above")
)

// ended is the error of a run that ended so, nil for one that was whole and
// clean. A broken promise and a thing that never happened are different errors:
// the first is this project's fault, the second asks for another command line.
func ended(interrupted bool, faults, unshown []string) error {
	var errs []error
	if interrupted {
		errs = append(errs, errInterrupted)
	}
	if len(faults) > 0 {
		errs = append(errs, errBroken)
	}
	if len(unshown) > 0 {
		errs = append(errs, errUnshown)
	}
	return errors.Join(errs...)
}

// auditTimeout is how long an audit may take once its run is over.
const auditTimeout = 2 * time.Minute

// outliving is a context for what has to happen after an interruption too: the
// audit of what was sold until then.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
}

// closed prints what went wrong when a site was closed: no figure is worse for it.
func closed(err error) {
	if err != nil {
		logLine("closing: " + err.Error())
	}
}

// childGrace is how long a child process may take to write what it measured, once it is asked to
// stop: no request waits longer than 15 seconds for its answer.
const childGrace = 30 * time.Second

// wants collects what is wrong with a command line, so that all of it is reported at once.
type wants []error

// that notes a flag whose value is not what is wanted.
func (w *wants) that(ok bool, flag string, value any, want string) {
	if !ok {
		*w = append(*w, fmt.Errorf("%s %v: want %s", flag, value, want))
	}
}

func (w *wants) positive(flag string, value int) { w.that(value >= 1, flag, value, "at least 1") }

// programs notes a folder that lacks what a cluster is made of; none is fine.
func (w *wants) programs(folder string) {
	if folder == "" {
		return
	}
	for _, name := range []string{"node", "allocator", "ledger"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			w.that(false, "--binaries", folder, "a folder with the programs node, allocator and ledger (go build -o DIR/ ./cmd/...)")
			return
		}
	}
}

// built returns a folder with the programs for all clusters of a run: the one
// given, or else a new one that remove removes.
func built(ctx context.Context, binaries string) (folder string, remove func(), err error) {
	if binaries != "" {
		return binaries, func() {}, nil
	}
	if folder, err = os.MkdirTemp("", "onsale-bin-"); err != nil {
		return "", nil, err
	}
	remove = func() {
		if err := os.RemoveAll(folder); err != nil {
			logLine(err.Error())
		}
	}
	logLine("building node, allocator and ledger")
	if err := testbed.Build(ctx, folder); err != nil {
		remove()
		return "", nil, err
	}
	return folder, remove, nil
}
