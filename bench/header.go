package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"onsale/bench/report"
	"onsale/internal/testbed/process"
)

// newOutcome begins a result with its header. It is made before anything is started, as the
// noise counts from then.
func newOutcome(ctx context.Context) outcome {
	o := outcome{Header: report.Header{
		Command: command(), Machine: machine(), Commit: commit(ctx), Started: time.Now().UTC(), Cores: runtime.NumCPU(),
		Versions: versions(ctx), Kernel: kernel(), CPUModel: "unknown",
	}}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			o.CPUModel = cpus[0].ModelName
		}
	}
	o.began = usageOfMachine()
	return o
}

// finish completes the header, once all processes of the run have ended.
func (o *outcome) finish() {
	o.Noise = noise(o.began, usageOfMachine())
	if o.Faults == nil {
		o.Faults = []string{} // "none", not "not known"
	}
}

// machineUsage is what the machine's processors have done, in seconds, and its load.
type machineUsage struct {
	all, busy, stolen, own float64 // own: of this process, and of the children that it has waited for
	load                   float64
}

// usageOfMachine is the zero value if the kernel has no figures.
func usageOfMachine() machineUsage {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return machineUsage{}
	}
	stat, err1 := fs.Stat()
	load, err2 := fs.LoadAvg()
	var self, children unix.Rusage
	err = errors.Join(err1, err2, unix.Getrusage(unix.RUSAGE_SELF, &self), unix.Getrusage(unix.RUSAGE_CHILDREN, &children))
	if err != nil {
		return machineUsage{}
	}
	t := stat.CPUTotal
	u := machineUsage{busy: t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ, stolen: t.Steal, load: load.Load1}
	u.all = u.busy + u.stolen + t.Idle + t.Iowait
	for _, r := range []unix.Rusage{self, children} {
		u.own += time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
	}
	return u
}

// noise is nil where it is not known.
func noise(before, after machineUsage) *report.Noise {
	all := after.all - before.all
	if before.all == 0 || all <= 0 {
		return nil
	}
	others := max(0, (after.busy-before.busy)-(after.own-before.own))
	return &report.Noise{Load: before.load, Others: 100 * others / all, Stolen: 100 * (after.stolen - before.stolen) / all}
}

func kernel() string {
	raw, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(raw))
}

// versions are those of the programs that the bench starts, as they print them.
func versions(ctx context.Context) map[string]string {
	found := map[string]string{"go": runtime.Version()}
	ask := func(name, path string, err error, flag string) {
		if err != nil {
			return // it is not installed, and so not measured
		}
		// nginx prints it on standard error.
		if out, err := exec.CommandContext(ctx, path, flag).CombinedOutput(); err == nil {
			found[name], _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
		}
	}
	redis, err := process.Find("redis-server", "redis-server")
	ask("redis", redis, err, "--version")
	nginx, err := process.Find("nginx", "nginx")
	ask("nginx", nginx, err, "-v")
	postgres, err := process.FindPostgres()
	ask("postgres", postgres+"/postgres", err, "--version")
	return found
}

func command() string { return "go run ./bench " + strings.Join(os.Args[1:], " ") }

func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// commit is the source's, with + where it was changed since. A compiled bench
// knows its own, wherever it runs; go run stamps none, and runs in its source.
func commit(ctx context.Context) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if stamped := stampedCommit(info.Settings); stamped != "" {
			return stamped
		}
	}
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=+", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// stampedCommit is what the compiler recorded, in the form of git describe;
// empty if it recorded nothing.
func stampedCommit(settings []debug.BuildSetting) (revision string) {
	changed := ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}
