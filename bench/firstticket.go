package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onsale/bench/report"
	"onsale/internal/testbed/browser"
)

// firstTicket does what somebody does who sees this project for the first time: clones it, starts it, and buys a ticket in a browser.
type firstTicket struct {
	Modules bool `help:"Begin without downloaded modules, too: they come through the module proxy."`
	output  `embed:""`
}

// firstTicketResult is what came out.
type firstTicketResult struct {
	outcome

	Modules bool        `json:"without_modules"` // they were downloaded
	Dirty   bool        `json:"uncommitted"`     // the checkout has changes that no clone has
	Steps   []timedStep `json:"steps"`
	Seconds float64     `json:"seconds"` // of all steps
}

// timedStep is one step and the seconds that it took.
type timedStep struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// Run times each step, and ends and removes all that was started and made.
func (f *firstTicket) Run(ctx context.Context) (err error) {
	if err := f.prepare(); err != nil {
		return err
	}
	r := &firstTicketResult{outcome: newOutcome(ctx), Modules: f.Modules}
	dir, err := os.MkdirTemp("", "onsale-first-")
	if err != nil {
		return err
	}
	err = f.measure(ctx, dir, r)
	closed(os.RemoveAll(dir))
	if len(r.Steps) == 0 {
		return err // nothing was measured
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	return f.conclude(r, err)
}

func (f *firstTicket) measure(ctx context.Context, dir string, r *firstTicketResult) error {
	source, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	changed, err := git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	r.Dirty = changed != ""
	began := time.Now()
	step := func(name string) {
		logLine(fmt.Sprintf("%6.1f s  %s", time.Since(began).Seconds(), name))
		r.Steps = append(r.Steps, timedStep{name, time.Since(began).Seconds() - r.Seconds})
		r.Seconds = time.Since(began).Seconds()
	}
	clone := filepath.Join(dir, "onsale")
	// By file:// and not by path: all is packed, sent and unpacked then, as from another machine.
	if _, err := git(ctx, "clone", "--quiet", "file://"+source, clone); err != nil {
		return err
	}
	step("git clone")
	site, err := startDev(ctx, dir, clone, f.environment(dir))
	if err != nil {
		return err
	}
	defer func() {
		if err := site.end(); err != nil && ctx.Err() == nil {
			r.Faults = append(r.Faults, "onsale dev, which audits at its end: "+err.Error())
		}
	}()
	page, err := site.page(ctx)
	if err != nil {
		return err
	}
	step("go run ./cmd/onsale dev, until it prints the page's address")
	return browser.Outside(ctx, func(t browser.TB) { buyByClicks(t, page, step) })
}

// buyByClicks goes from the page's address to the paid ticket.
func buyByClicks(t browser.TB, page string, step func(string)) {
	b := browser.Start(t)
	w := b.Window(t, browser.Look{})
	step("the browser starts")
	shows := func(screen string) { w.Wait(fmt.Sprintf("document.body.dataset.screen === %q", screen)) }
	w.Go(page)
	shows("sign-in")
	step("the page shows the sale")
	w.Click("#go")
	shows("buy")
	step("signed in by a click")
	w.Click("#primary")
	shows("held")
	step("the ticket is held, by a click")
	w.Click("#go")
	w.Click("button[value=pay]")
	shows("paid")
	step("the ticket is paid, by two clicks")
}

// environment has nothing that was built or, if it is to be so, downloaded before.
func (f *firstTicket) environment(dir string) []string {
	env := append(os.Environ(), "GOCACHE="+filepath.Join(dir, "built"))
	if f.Modules {
		// Modules that can't be written can't be removed at the end.
		env = append(env, "GOMODCACHE="+filepath.Join(dir, "modules"), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -modcacherw"))
	}
	return env
}

// git runs it in the working folder and returns what it prints.
func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exited.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w (run it in a checkout of this repository)", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (r *firstTicketResult) show() report.Sheet {
	t := report.Table{Head: []string{"step", "seconds"}}
	for _, s := range r.Steps {
		t.Add(s.Step, fmt.Sprintf("%.1f", s.Seconds))
	}
	t.Add("all", fmt.Sprintf("%.1f", r.Seconds))
	s := r.sheet("From git clone to a ticket", t)
	s.Notes = append(s.Notes, "Go's build cache was empty.")
	if r.Modules {
		s.Notes = append(s.Notes, "Modules were downloaded.")
	} else {
		s.Notes = append(s.Notes, "Modules had been downloaded before; --modules measures that as well.")
	}
	if r.Dirty {
		s.Notes = append(s.Notes, "The checkout has changes that are not committed: the clone lacked them.")
	}
	return s
}
