package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
	"onsale/internal/sale"
)

// top shows what a site does, again and again.
type top struct {
	Sale      string        `arg:"" optional:"" help:"The sale's id. Without one, all sales are shown, those that sell the most first."`
	Interval  time.Duration `default:"1s" help:"Time from one answer of the allocator to the next question, 200ms to 1h. Raised, a change is seen later; lowered, the allocator and Redis are asked more often."`
	Limit     int           `default:"1000" help:"How many sales are read, by id. Raised, lists of thousands of sales take longer to read than the interval."`
	Once      bool          `help:"Print one view, and end."`
	Operators operators     `embed:""`
}

const (
	shortestInterval = 200 * time.Millisecond
	longestInterval  = time.Hour
)

// Validate is kong's.
func (v *top) Validate() error {
	if v.Interval < shortestInterval || v.Interval > longestInterval {
		return fmt.Errorf("--interval %v: want %v to %v", v.Interval, shortestInterval, longestInterval)
	}
	if v.Limit < 1 {
		return fmt.Errorf("--limit %d: want at least 1", v.Limit)
	}
	return nil
}

// view is what one look at a site found.
type view struct {
	At    time.Time       `json:"at"`
	Sales []client.Listed `json:"sales"`
	Nodes adminapi.Nodes  `json:"nodes"`
}

// Run draws on a terminal. Anywhere else it prints one view behind the other.
func (v *top) Run(ctx context.Context, c *console) error {
	var at client.Client
	var first view
	if err := v.Operators.call(ctx, c, "", func(a client.Client) (err error) {
		at = a
		first, err = v.look(ctx, at)
		return err
	}); err != nil {
		return err
	}
	defer at.HTTP.CloseIdleConnections()
	if out, ok := c.out.(*os.File); ok && !v.Once && !v.Operators.JSON {
		// Without it the signal of a terminal that hangs up would end us before its settings are given back. Who started us
		// with nohup wants us to go on.
		if !signal.Ignored(syscall.SIGHUP) {
			hungUp, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
			defer stop()
			ctx = hungUp
		}
		screen, ok, err := output.NewScreen(os.Stdin, out)
		if err != nil {
			return err
		}
		if ok {
			return errors.Join(v.draw(ctx, screen, at, first), screen.Close())
		}
	}
	if err := v.print(ctx, c, at, first); !readerGone(err) {
		return err
	}
	return nil
}

// look asks for one sale or for all, and for the nodes.
func (v *top) look(ctx context.Context, at client.Client) (now view, err error) {
	if v.Sale != "" {
		s, err := at.Sale(ctx, sale.ID(v.Sale))
		if err != nil {
			return now, err
		}
		now.Sales = []client.Listed{{Status: s}}
	} else {
		for s, err := range at.Sales(ctx, v.Limit) {
			if err != nil {
				return now, err
			}
			now.Sales = append(now.Sales, s)
		}
	}
	now.Nodes, err = at.Nodes(ctx)
	now.At = time.Now()
	return now, err
}

// print prints views until it is interrupted. A view that can't be had is reported, and the next one is asked for.
func (v *top) print(ctx context.Context, c *console, at client.Client, last view) error {
	var before view
	for {
		if v.Operators.JSON {
			if err := v.Operators.printer(c).Document(last); err != nil {
				return err
			}
		} else if err := printLines(c, frame{before: before, now: last, columns: 80, one: v.Sale != ""}.lines()); err != nil {
			return err
		}
		if v.Once {
			return nil
		}
		for {
			if !wait(ctx, v.Interval) {
				return nil
			}
			next, err := v.look(ctx, at)
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				before, last = last, next
				break
			}
			c.logLine(output.CleanLines(err.Error()))
		}
	}
}

func printLines(c *console, lines []string) error {
	for _, l := range append(lines, "") {
		if _, err := fmt.Fprintln(c.out, l); err != nil {
			return err
		}
	}
	return nil
}

// wait returns false if the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// found is what came of one look.
type found struct {
	view view
	err  error
}

// draw draws until q is typed, the terminal hangs up or it is interrupted. While the allocator does not answer, the last view stays, with the
// reason above it.
func (v *top) draw(ctx context.Context, screen *output.Screen, at client.Client, last view) error {
	ctx, cancel := context.WithCancel(ctx)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	looks := make(chan found)
	keys, gone := screen.Keys()
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	go func() {
		defer close(ended)
		for wait(ctx, v.Interval) {
			next, err := v.look(ctx, at)
			select {
			case looks <- found{next, err}:
			case <-ctx.Done():
			}
		}
	}()
	var before view
	failed := ""
	for {
		columns, rows := screen.Size()
		f := frame{before: before, now: last, columns: columns, rows: rows, failed: failed, one: v.Sale != ""}
		if err := screen.Draw(f.lines()); errors.Is(err, output.ErrHungUp) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-gone:
			return nil
		case k := <-keys:
			if k == 'q' {
				return nil
			}
		case <-resized:
		case l := <-looks:
			failed = ""
			if l.err != nil {
				failed = output.Clean(l.err.Error())
			} else {
				before, last = last, l.view
			}
		}
	}
}
