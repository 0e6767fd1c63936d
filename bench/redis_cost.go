package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"onsale/bench/report"
)

// redisCost measures what a claim costs Redis and an order takes of its memory, and the
// same with the scripts of an earlier version, in turns.
type redisCost struct {
	Claims int    `default:"200000" help:"Claims a turn, each of another buyer, in full calls of 128."`
	Turns  int    `default:"5" help:"Turns, each with a server of its own."`
	Before string `help:"Checkout of this repository at commit c6403fa, whose scripts are measured in turns with these." type:"path"`
	output `embed:""`

	measured func() // called after each turn, for tests; may be nil
}

// The bounds of what a claim may cost Redis's main thread, and of what a live order may take
// of its memory once a ledger has its event.
const (
	maxClaimMicros = 6.5
	maxOrderBytes  = 250
)

// redisCostResult is the whole outcome.
type redisCostResult struct {
	outcome

	Redis string `json:"redis"`

	Claims int          `json:"claims"` // a turn
	Turns  []redisTurn  `json:"turns"`
	Costs  []redisFound `json:"costs"`
}

// redisTurn is one server's.
type redisTurn struct {
	Version    string  `json:"version"`
	Micros     float64 `json:"main_thread_us_per_claim"`
	Bytes      float64 `json:"bytes_per_live_order"`
	ClaimsCall float64 `json:"claims_per_call"`

	Faults []string `json:"faults,omitempty"` // that were found in its sale: its figures don't count
}

// redisFound is a version's figure over all turns.
type redisFound struct {
	Version string  `json:"version"`
	What    string  `json:"what"`
	Median  float64 `json:"median"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Bound   float64 `json:"bound,omitempty"` // none for an earlier version
}

func (f redisFound) missed() bool { return f.Bound > 0 && f.Median > f.Bound }

// The two versions.
const (
	versionNow    = "now"
	versionBefore = "before"
)

// Validate reports every fault at once, or nil.
func (r *redisCost) Validate() error {
	var w wants
	w.positive("--claims", r.Claims)
	w.positive("--turns", r.Turns)
	if r.Before != "" {
		for _, name := range beforeScripts {
			if _, err := os.Stat(filepath.Join(r.Before, "lua", name)); err != nil {
				w.that(false, "--before", r.Before, "a checkout of this repository (git worktree add DIR c6403fa)")
				break
			}
		}
	}
	return errors.Join(w...)
}

// Run measures and prints, also the turns before an interruption.
func (r *redisCost) Run(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	out := &redisCostResult{outcome: newOutcome(ctx), Claims: r.Claims}
	out.Redis = out.Versions["redis"]
	var err error
	for n := range r.Turns {
		if err = r.turn(ctx, n, out); err != nil || ctx.Err() != nil {
			break
		}
	}
	if out.Interrupted = ctx.Err() != nil; out.Interrupted {
		err = nil // it is only the interruption
	}
	out.sum()
	return r.conclude(out, err)
}

// turn measures each version once. Who is first alternates.
func (r *redisCost) turn(ctx context.Context, n int, out *redisCostResult) error {
	measure := []func(context.Context) (redisTurn, error){r.now}
	if r.Before != "" {
		measure = append(measure, r.before)
	}
	if n%2 == 1 {
		slices.Reverse(measure)
	}
	for _, one := range measure {
		t, err := one(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		out.Turns, out.Faults = append(out.Turns, t), append(out.Faults, t.Faults...)
		logLine(fmt.Sprintf("turn %d of %d, %-6s %5.2f µs a claim, %5.1f B an order, %5.1f claims a call", n+1, r.Turns, t.Version, t.Micros, t.Bytes, t.ClaimsCall))
		if r.measured != nil {
			r.measured()
		}
	}
	return nil
}

// sum finds medians, and the bounds that they miss.
func (out *redisCostResult) sum() {
	for _, version := range []string{versionNow, versionBefore} {
		var micros, bytes []float64
		for _, t := range out.Turns {
			if t.Version == version && len(t.Faults) == 0 {
				micros, bytes = append(micros, t.Micros), append(bytes, t.Bytes)
			}
		}
		if len(micros) == 0 {
			continue
		}
		for _, f := range []redisFound{
			{Version: version, What: "Redis's main thread, µs a claim", Median: median(micros), Min: slices.Min(micros), Max: slices.Max(micros), Bound: maxClaimMicros},
			{Version: version, What: "memory, B a live order", Median: median(bytes), Min: slices.Min(bytes), Max: slices.Max(bytes), Bound: maxOrderBytes},
		} {
			if version != versionNow {
				f.Bound = 0
			}
			out.Costs = append(out.Costs, f)
			if f.missed() {
				out.Missed = append(out.Missed, f.What)
			}
		}
	}
}

func (out *redisCostResult) show() report.Sheet {
	t := report.Table{Head: []string{"version", "what", "median", "range", "bound", "kept"}}
	for _, f := range out.Costs {
		bound, kept := "", ""
		if f.Bound > 0 {
			bound, kept = fmt.Sprintf("≤ %.1f", f.Bound), "kept"
		}
		if f.missed() {
			kept = "MISSED"
		}
		t.Add(f.Version, f.What, fmt.Sprintf("%.2f", f.Median), fmt.Sprintf("%.2f … %.2f", f.Min, f.Max), bound, kept)
	}
	return out.sheet("What a claim costs Redis, and an order takes of its memory", t)
}
