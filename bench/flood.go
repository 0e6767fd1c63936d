package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"onsale/bench/report"
	"onsale/internal/testbed/flood"
	"onsale/internal/testbed/process"
)

// slowClients has strangers of one address take all connections of Nginx that they can get, and
// measures what buyers of other addresses notice, without the shipped ruleset and with it. All
// of it is in a network namespace of its own.
type slowClients struct {
	Connections int           `default:"40000" help:"Slow connections at the same time, all of one address: more than Nginx has."`
	Turn        time.Duration `default:"6s" help:"How long a turn takes, with slow clients; half as long without them comes before it."`
	Rate        float64       `default:"100" help:"Purchases a second, each on a connection of its own, over 50 addresses."`
	Members     int           `default:"1500" help:"Forged gossip members in the last turns."`
	Idle        int           `default:"2000" help:"Idle connections to admin ports in the last turns."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// slowResult is what came out.
type slowResult struct {
	outcome
	Workers int       `json:"nginx_workers"`
	Turns   []slowRow `json:"turns"`
}

// slowRow is a turn.
type slowRow struct {
	Kind    string     `json:"slow_clients"`
	Ruleset bool       `json:"ruleset"`
	Held    flood.Held `json:"held"`
	Before  visitors   `json:"buyers_before"`
	During  visitors   `json:"buyers_during"`
	Lines   float64    `json:"nginx_log_lines_a_second"`
}

// Validate reports every fault at once, or nil.
func (s *slowClients) Validate() error {
	var w wants
	w.that(s.Connections >= 1 && s.Connections <= 60_000, "--connections", s.Connections, "1 to 60000, as one address has no more ports")
	w.that(s.Turn >= time.Second, "--turn", s.Turn, "at least 1s")
	w.that(s.Rate > 0 && s.Rate <= 1000, "--rate", s.Rate, "more than 0 purchases a second, and at most 1000")
	w.that(s.Members >= 0, "--members", s.Members, "0 or more")
	w.that(s.Idle >= 0, "--idle", s.Idle, "0 or more")
	w.programs(s.Binaries)
	return errors.Join(w...)
}

// ownNetwork names the network namespace of who reads it.
const ownNetwork = "/proc/self/ns/net"

// Run starts the bench again in the namespace.
func (s *slowClients) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	// The namespace is the thread's that starts it, and so is the signal of its death.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outside, err := os.Readlink(ownNetwork)
	if err != nil {
		return err
	}
	args := []string{"flooded", "--outside", outside, "--connections", strconv.Itoa(s.Connections), "--turn", s.Turn.String(),
		"--rate", strconv.FormatFloat(s.Rate, 'f', -1, 64), "--members", strconv.Itoa(s.Members), "--idle", strconv.Itoa(s.Idle)}
	args = append(args, s.output.args()...)
	if s.Binaries != "" {
		args = append(args, "--binaries", s.Binaries)
	}
	child, err := process.StartSelf(ctx, "in the namespace", process.ChildOptions{Isolated: true, Grace: childGrace, Out: os.Stdout}, args...)
	if err != nil {
		return process.Isolated(err)
	}
	defer child.Close()
	return child.Wait()
}

// judge puts the figures beside what they may be. Without the ruleset nothing is promised but
// the log.
func (s *slowClients) judge(r *slowResult) {
	for _, t := range r.Turns {
		fault := func(ok bool, format string, args ...any) {
			if !ok {
				r.Faults = append(r.Faults, fmt.Sprintf("%s, ruleset %v: ", t.Kind, t.Ruleset)+fmt.Sprintf(format, args...))
			}
		}
		fault(t.Before.Sent > 0 && t.Before.Served == t.Before.Sent, "%d of %d buyers were served before there were slow clients", t.Before.Served, t.Before.Sent)
		fault(t.Held.Opened > 0, "no slow client got a connection")
		fault(t.During.Sent > 0 && (!t.Ruleset || t.During.Served == t.During.Sent), "%d of %d buyers were served: %v", t.During.Served, t.During.Sent, t.During.Answers)
		fault(t.Lines <= float64(r.Workers)+1, "Nginx logged %.0f lines a second, more than one for each of %d workers", t.Lines, r.Workers)
	}
}

func (r *slowResult) show() report.Sheet {
	t := report.Table{Head: []string{"slow clients", "ruleset", "opened", "held, mean", "lived, mean", "buyers served", "p99 before", "p99 during", "log lines/s"}}
	for _, row := range r.Turns {
		t.Add(row.Kind, map[bool]string{true: "yes", false: "no"}[row.Ruleset], row.Held.Opened, fmt.Sprintf("%.0f", row.Held.Mean),
			fmt.Sprintf("%.1f s", row.Held.Lived), fmt.Sprintf("%d of %d", row.During.Served, row.During.Sent),
			fmt.Sprintf("%.1f ms", row.Before.P99), fmt.Sprintf("%.1f ms", row.During.P99), fmt.Sprintf("%.1f", row.Lines))
	}
	return r.sheet("Slow clients of one address", t)
}

// strangers are slow clients, seen from the bench: as many processes as the limit of open files
// asks for.
type strangers struct {
	stop context.CancelFunc
	all  []*process.Child
}

func startStrangers(ctx context.Context, kind, to string, connections int) (*strangers, error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	most := int(min(files.Cur, 1<<20)) - spareFiles
	if most <= 0 {
		return nil, fmt.Errorf("a process may open %d files, which is too few", files.Cur)
	}
	ctx, stop := context.WithCancel(ctx)
	s := &strangers{stop: stop}
	for ; connections > 0; connections -= most {
		child, err := process.StartSelf(ctx, "slow clients", process.ChildOptions{Grace: childGrace}, "slowly", "--kind", kind, "--from", slowClientsAddress, "--to", to, "--connections", strconv.Itoa(min(most, connections)))
		if err != nil {
			_, werr := s.end() // what they held is of no use
			return nil, errors.Join(err, werr)
		}
		s.all = append(s.all, child)
	}
	return s, nil
}

// end stops them and returns what they held.
func (s *strangers) end() (held flood.Held, err error) {
	s.stop()
	for _, child := range s.all {
		out, oerr := child.Output()
		if err = errors.Join(err, oerr, child.Close()); oerr != nil {
			continue
		}
		var h flood.Held
		if jerr := json.Unmarshal(out, &h); jerr != nil {
			err = errors.Join(err, fmt.Errorf("the slow clients replied %q: %w", out, jerr))
		}
		held = held.And(h)
	}
	return held, err
}

// slowly is the strangers, as a process of its own. It ends by SIGTERM and reports what it held.
type slowly struct {
	Kind        string `required:"" help:"How they are slow."`
	From        string `required:"" help:"Their address."`
	To          string `required:"" help:"host:port of Nginx."`
	Connections int    `required:"" help:"Connections at the same time."`
}

// Run is the process.
func (s *slowly) Run(ctx context.Context) error {
	kind, err := flood.KindOf(s.Kind)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(flood.Slow{Kind: kind, From: s.From, To: s.To, Connections: s.Connections}.Run(ctx))
}
