package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"onsale/bench/report"
	"onsale/internal/testbed/process"
)

// newReport is a report without rows: where, when and on what it was measured.
func newReport(ctx context.Context) *report.Report {
	r := &report.Report{
		Command: command(), Machine: machine(), Commit: commit(ctx), Started: time.Now().UTC(), Cores: runtime.NumCPU(),
		Versions: versions(ctx), Kernel: kernel(), CPUModel: "unknown",
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			r.CPUModel = cpus[0].ModelName
		}
	}
	return r
}

func kernel() string {
	raw, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(raw))
}

// versions are those of the programs that a comparison starts, in their own words.
func versions(ctx context.Context) map[string]string {
	found := map[string]string{"go": runtime.Version()}
	ask := func(name, path string, err error, flag string) {
		if err != nil {
			return // it is not installed, and so not measured
		}
		// nginx says it on standard error.
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

// stampedCommit is what the compiler wrote down, as git describe would say it;
// empty where it wrote nothing.
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
