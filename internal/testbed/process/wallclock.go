package process

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// wallClockSource is what a program is started with whose wall clock can be set.
//
//go:embed wallclock/clock.c
var wallClockSource []byte

// WallClock is the wall clock of one program, which can be set as date(1) sets a machine's:
// its monotonic clocks go on.
type WallClock struct{ library, file string }

// newWallClock makes a clock that shows this machine's time, below dir.
func newWallClock(ctx context.Context, dir string) (*WallClock, error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return nil, errors.New("no C compiler (cc), which the race detector needs as well: apt-get install gcc libc6-dev")
	}
	c := &WallClock{filepath.Join(dir, "wallclock.so"), filepath.Join(dir, "wallclock")}
	source := filepath.Join(dir, "wallclock.c")
	if err := errors.Join(os.WriteFile(source, wallClockSource, 0o644), os.WriteFile(c.file, make([]byte, 8), 0o644)); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, compiler, "-shared", "-fPIC", "-O2", "-o", c.library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s of a clock that can be set: %w: %s", compiler, err, out)
	}
	return c, nil
}

// Set sets the clock to so far ahead of this machine's, or behind it where that is negative.
func (c *WallClock) Set(ahead time.Duration) error {
	file, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	var ns [8]byte
	binary.NativeEndian.PutUint64(ns[:], uint64(ahead))
	_, err = file.WriteAt(ns[:], 0) // not truncated: the program has it mapped
	return errors.Join(err, file.Close())
}

// env starts a program by this clock; without one, by the machine's.
func (c *WallClock) env() []string {
	if c == nil {
		return nil
	}
	return []string{"LD_PRELOAD=" + c.library, "CLOCK_FILE=" + c.file}
}
