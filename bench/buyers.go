package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/mattn/go-isatty"
)

// buyers is the load process, seen from the bench.
type buyers struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	out   string
}

// startBuyers starts the process and returns once its tokens are signed.
func startBuyers(ctx context.Context, l *load) (*buyers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "load", "--front", l.Front, "--sale", l.Sale, "--keys", l.Keys, "--out", l.Out,
		"--buyers", strconv.Itoa(l.Buyers), "--connections", strconv.Itoa(l.Connections), "--repeat", strconv.Itoa(l.Repeat),
		"--rate", strconv.FormatFloat(l.Rate, 'f', -1, 64), "--patience", l.Patience.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = farewell
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	b := &buyers{cmd: cmd, in: in, lines: bufio.NewScanner(out), out: l.Out}
	say(fmt.Sprintf("signing %d tokens", l.Buyers))
	if !b.lines.Scan() || b.lines.Text() != "ready" {
		in.Close()
		return nil, fmt.Errorf("the buyers did not get ready: %w", errors.Join(ctx.Err(), cmd.Wait()))
	}
	return b, nil
}

// farewell is how long the process may take to write what it saw, once it was
// told to stop: no request waits longer than 15 seconds for its answer.
const farewell = 30 * time.Second

// stop ends a process that was started and is not wanted any more; after finish
// there is nothing to stop.
func (b *buyers) stop() {
	if b.cmd.ProcessState == nil {
		_ = b.cmd.Process.Kill() // it may have ended by itself
		_ = b.cmd.Wait()         // and nobody asks how
	}
}

// start lets them loose.
func (b *buyers) start() error {
	_, err := io.WriteString(b.in, "go\n")
	return err
}

// finish follows their progress, with a bar where a person watches, and
// returns what they saw, also where an interruption cut it short.
func (b *buyers) finish(total int) (*seen, error) {
	var bar *pb.ProgressBar
	if isatty.IsTerminal(os.Stderr.Fd()) {
		bar = pb.New(total).SetWriter(os.Stderr).Start()
	}
	for b.lines.Scan() {
		n, err := strconv.ParseInt(strings.TrimSpace(b.lines.Text()), 10, 64)
		if err == nil && bar != nil {
			bar.SetCurrent(n)
		}
	}
	if bar != nil {
		bar.Finish()
	}
	if err := b.cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	raw, err := os.ReadFile(b.out)
	if err != nil {
		return nil, err
	}
	var s seen
	return &s, json.Unmarshal(raw, &s)
}
