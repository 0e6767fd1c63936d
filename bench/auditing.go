package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"onsale/bench/judge"
	"onsale/internal/app"
	appledger "onsale/internal/app/ledger"
	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
	"onsale/internal/throttle"
)

// auditing is one audit, as a process of its own, so that its memory and its processor time
// are known.
type auditing struct {
	Redis    string        `required:"" help:"host:port of Redis."`
	Database string        `required:"" env:"ONSALE_DATABASE_URL" help:"URL of PostgreSQL."`
	Sale     string        `required:"" help:"Sale to audit."`
	Rest     throttle.Rest `default:"0" help:"As of onsale audit."`
	Answers  string        `help:"File with what all buyers were answered, to be judged; without it only the stores are compared."`
}

// audited is what it found.
type audited struct {
	Seconds float64  `json:"seconds"`
	CPU     float64  `json:"cpu_seconds"`
	Memory  int64    `json:"peak_memory_bytes"`
	Orders  int      `json:"orders"`
	Sold    int64    `json:"sold"`
	Faults  []string `json:"faults"`
}

// Run is the process.
func (a *auditing) Run(ctx context.Context) error {
	at := operate.StoreFlags{Redis: app.RedisFlags{Addrs: []string{a.Redis}}, Database: appledger.DatabaseFlags{URL: a.Database}}
	begin := time.Now()
	found, err := operate.Audit(ctx, at, sale.ID(a.Sale), a.Rest, zap.NewNop())
	if err != nil {
		return err
	}
	out := audited{Seconds: time.Since(begin).Seconds(), Orders: len(found.Orders), Sold: found.Sold(), Faults: found.Faults}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	out.CPU = time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	out.Memory = used.Maxrss << 10
	if a.Answers != "" {
		broken, err := a.judge(found)
		if err != nil {
			return err
		}
		out.Faults = append(out.Faults, broken...)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// judge is what buyers were answered beside what the audit found. Its cost is none of the audit's.
func (a *auditing) judge(found operate.Audited) (broken []string, err error) {
	raw, err := os.ReadFile(a.Answers)
	if err != nil {
		return nil, err
	}
	var answers judge.Answers
	if err := json.Unmarshal(raw, &answers); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Answers, err)
	}
	return judge.Judge(judge.FromAudit(found), answers).Broken(), nil
}

// auditAll makes the last audit, and has it judge what all buyers were answered.
func (m *million) auditAll(ctx context.Context, c *testbed.Site, answers judge.Answers) (found audited, err error) {
	raw, err := json.Marshal(answers)
	if err != nil {
		return found, err
	}
	file := filepath.Join(c.Dir, "answers.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return found, err
	}
	return m.audit(ctx, c, "--answers", file)
}

// audit makes one audit of the cluster's sale, at that priority. A ctx that ends kills it.
func (m *million) audit(ctx context.Context, c *testbed.Site, more ...string) (found audited, err error) {
	args := append([]string{"auditing", "--redis", c.Redis.Addr(), "--sale", millionSale, "--rest", fmt.Sprint(float64(m.Rest))}, more...)
	child, err := process.StartSelf(ctx, "audit", process.ChildOptions{Nice: m.Nice, Env: []string{"ONSALE_DATABASE_URL=" + c.Postgres.URL()}}, args...)
	if err != nil {
		return found, err
	}
	defer child.Close()
	raw, err := child.Output()
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return found, fmt.Errorf("audit: %w", err)
	}
	return found, nil
}

// audits audits again and again until ctx ends, and finishes the audit under way.
func (m *million) audits(ctx context.Context, c *testbed.Site) (all []audited, err error) {
	finishing, cancel := outliving(ctx)
	defer cancel()
	for ctx.Err() == nil {
		found, err := m.audit(finishing, c)
		if err != nil {
			return all, err
		}
		logLine(fmt.Sprintf("audited %d orders in %.1f s, %d MiB, %d faults", found.Orders, found.Seconds, found.Memory>>20, len(found.Faults)))
		all = append(all, found)
	}
	return all, nil
}

// resetPeak begins a process's peak of memory anew.
func resetPeak(pid int) error {
	return os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0)
}

// peak is the most memory that a process has held at once, in bytes.
func peak(pid int) (int64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}
