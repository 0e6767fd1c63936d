package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"go.uber.org/zap"

	"onsale/bench/judge"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/testbed"
	"onsale/internal/testbed/flood"
	"onsale/internal/testbed/process"
)

// flooded is [slowClients], in the namespace.
type flooded struct {
	slowClients
	Outside string `required:"" help:"The network namespace that this must not be, as /proc/self/ns/net names it."`

	site   *testbed.Site
	result *slowResult
	next   int // buyer
	// answers of all turns' buyers. All of them ended before the audit.
	answers judge.Answers
}

const (
	slowClientsAddress = "10.66.0.66"
	floodSale          = "flood"
)

// Run measures, and prints what it has also where it is interrupted.
func (f *flooded) Run(ctx context.Context) error {
	own, err := os.Readlink(ownNetwork)
	if err != nil {
		return err
	}
	if own == f.Outside {
		return errors.New("this is no network namespace of its own: use the command flood")
	}
	if err := process.AddNetworks(ctx, "10.66.0.0/16"); err != nil {
		return err
	}
	f.result = &slowResult{outcome: newOutcome(ctx), Workers: runtime.NumCPU()}
	f.result.Command = fmt.Sprintf("go run ./bench flood --connections %d --turn %v --rate %v --members %d --idle %d", f.Connections, f.Turn, f.Rate, f.Members, f.Idle)
	if f.site, err = testbed.Start(ctx, testbed.Options{Nodes: 2, Allocators: 1, Binaries: f.Binaries, Progress: logLine, NodeArgs: []string{"--drain-delay", "0s"}}); err != nil {
		return err
	}
	err = f.measure(ctx)
	closed(f.site.Close())
	if f.result.Interrupted = ctx.Err() != nil; f.result.Interrupted {
		err = nil // it was not given the time
	} else if err == nil {
		f.judge(f.result)
	}
	return f.conclude(f.result, err)
}

// measure has each kind of slow clients come without the ruleset, and then each with it.
func (f *flooded) measure(ctx context.Context) (err error) {
	// All servers have their ports by now. Slow clients need more than the kernel gives by itself.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("1100 65535"), 0o644); err != nil {
		return err
	}
	d := adminapi.Definition{ID: floodSale, Title: "Flood", Currency: "EUR", Price: 4200, Total: 1_000_000, Limit: 1, HoldSeconds: 3600}
	if err := f.site.Open(ctx, d); err != nil {
		return err
	}
	for _, ruleset := range []bool{false, true} {
		if ruleset {
			if err := process.LimitConnections(ctx, f.site.Nginx.Port, 0); err != nil {
				return err
			}
		}
		for _, kind := range flood.Kinds {
			if err := f.turn(ctx, kind.Name, kind.Name, ruleset); err != nil || ctx.Err() != nil {
				return err
			}
		}
		if err := f.everybody(ctx, ruleset); err != nil || ctx.Err() != nil {
			return err
		}
	}
	found, err := operate.Audit(ctx, f.site.Stores(), floodSale, 0, zap.NewNop())
	if err != nil {
		return err
	}
	f.result.Faults = append(f.result.Faults, judge.Faults(floodSale, judge.FromAudit(found), f.answers)...)
	return nil
}

// everybody is a turn of the worst kind, beside forged members and idle admin connections.
func (f *flooded) everybody(ctx context.Context, ruleset bool) (err error) {
	var gossip []string
	for _, m := range slices.Concat(f.site.Nodes, f.site.Allocators) {
		gossip = append(gossip, m.Gossip)
	}
	if err := flood.ForgeMembers(slowClientsAddress, f.Members, gossip...); err != nil {
		return err
	}
	idle, err := flood.Idle(f.Idle, f.site.Allocators[0].Admin, f.site.Nodes[0].Admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, idle.Close()) }()
	kind := flood.Kinds[0].Name
	return f.turn(ctx, kind, fmt.Sprintf("%s, %d forged members, %d idle at admin ports", kind, f.Members, f.Idle), ruleset)
}

// turn has buyers come without slow clients and then with them.
func (f *flooded) turn(ctx context.Context, kind, name string, ruleset bool) error {
	row := slowRow{Kind: name, Ruleset: ruleset}
	var err error
	if row.Before, err = f.buyers(ctx, f.Turn/2); err != nil {
		return err
	}
	slow, err := startStrangers(ctx, kind, f.site.Front()[len("http://"):], f.Connections)
	if err != nil {
		return err
	}
	pause.For(ctx, f.Turn/2) // until they have what they get
	logged, err := f.logged()
	began := time.Now()
	if err == nil {
		row.During, err = f.buyers(ctx, f.Turn)
	}
	took := time.Since(began).Seconds()
	now, lerr := f.logged()
	var serr error
	row.Held, serr = slow.end()
	if err = errors.Join(err, lerr, serr); err != nil || ctx.Err() != nil {
		return err
	}
	row.Lines = float64(now-logged) / took
	f.result.Turns = append(f.result.Turns, row)
	logLine(fmt.Sprintf("%s, ruleset %v: held %.0f, served %d of %d", name, ruleset, row.Held.Mean, row.During.Served, row.During.Sent))
	pause.For(ctx, f.Turn/4) // until Nginx has noticed that they are gone
	return nil
}

// logged is how many lines Nginx has logged.
func (f *flooded) logged() (int, error) {
	log, err := os.ReadFile(filepath.Join(f.site.Dir, f.site.Nginx.Name+".log"))
	return bytes.Count(log, []byte("\n")), err
}
