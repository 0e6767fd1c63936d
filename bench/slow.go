package main

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"onsale/lua"
)

// maxRedisCall is how long one command or script may keep Redis from all others.
const maxRedisCall = 5 * time.Millisecond

// slowLogThreshold is from where on Redis notes a call; below it a call's time is not known.
const slowLogThreshold = time.Millisecond

// slowArgs make a redis-server note slow calls. A rewrite of the log would fall into one
// turn of buyers and not into the others.
func slowArgs() []string {
	return []string{"--auto-aof-rewrite-percentage", "0", "--slowlog-log-slower-than", strconv.FormatInt(slowLogThreshold.Microseconds(), 10), "--slowlog-max-len", "100000"}
}

// slowCall is one kind of call, by script or command.
type slowCall struct {
	Name    string  `json:"name"`
	Longest float64 `json:"longest_ms"`
	Slow    int     `json:"calls_of_1ms"` // and longer
	Above   int     `json:"calls_above_5ms"`
}

// stretch is a part of a run, and what Redis did in it.
type stretch struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Slow are the calls of a millisecond and more, the longest first, as Redis's own clock
	// has it: on a machine without a free core for Redis, that includes its wait for one.
	Slow []slowCall `json:"slow"`
	// Waited is how long Redis's main thread was ready to run and had no core.
	Waited float64 `json:"redis_waited_for_a_core_seconds"`
	// Trivial is the longest time of a call that takes a microsecond or two, such as HLEN, in
	// milliseconds: what of the others' is the machine's doing. 0: below 1.
	Trivial float64 `json:"longest_trivial_call_ms"`
	// Commands are the mean microseconds of each command, and how often it ran.
	Commands map[string]string `json:"commands"`
}

// slowWatch measures phases of one redis-server.
type slowWatch struct {
	client redis.UniversalClient
	pid    int
	began  time.Time
	waited float64
}

// begin forgets what came before.
func (w *slowWatch) begin(ctx context.Context) (err error) {
	if err := w.client.Do(ctx, "slowlog", "reset").Err(); err != nil {
		return err
	}
	if err := w.client.ConfigResetStat(ctx).Err(); err != nil {
		return err
	}
	w.began = time.Now()
	w.waited, err = waitedForCore(w.pid)
	return err
}

// end is the phase since begin.
func (w *slowWatch) end(ctx context.Context, name string) (p stretch, err error) {
	p = stretch{Name: name, Seconds: time.Since(w.began).Seconds(), Commands: map[string]string{}}
	waited, err := waitedForCore(w.pid)
	if err != nil {
		return p, err
	}
	p.Waited = waited - w.waited
	info, err := infoOf(ctx, w.client, "commandstats")
	if err != nil {
		return p, err
	}
	for name, stats := range info {
		if command, is := strings.CutPrefix(name, "cmdstat_"); is {
			p.Commands[command] = stats
		}
	}
	log, err := w.client.SlowLogGet(ctx, -1).Result()
	if err != nil {
		return p, err
	}
	p.Slow, p.Trivial = slowest(log)
	return p, nil
}

// trivialCommands are commands whose cost does not depend on how large anything is.
var trivialCommands = []string{"time", "hlen", "zcard", "xlen", "strlen", "llen", "exists", "hget", "zscore", "setrange", "getrange", "get", "set", "expire", "ping", "incr"}

// benchCommands are the bench's own commands.
var benchCommands = []string{"slowlog", "info", "config", "copy", "exec", "rename", "client"}

// slowest sums a slow log up by script, or by command: the longest of all, without what the
// bench asks itself, and the longest of the trivial ones.
func slowest(log []redis.SlowLog) (all []slowCall, idle float64) {
	calls := map[string]*slowCall{}
	for _, entry := range log {
		name := callName(entry.Args)
		if slices.Contains(benchCommands, name) {
			continue
		}
		if slices.Contains(trivialCommands, name) {
			idle = max(idle, entry.Duration.Seconds()*1000)
			continue
		}
		c := calls[name]
		if c == nil {
			c = &slowCall{Name: name}
			calls[name] = c
		}
		c.Slow++
		if entry.Duration > maxRedisCall {
			c.Above++
		}
		c.Longest = max(c.Longest, float64(entry.Duration.Microseconds())/1000)
	}
	for _, c := range calls {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b slowCall) int { return cmp.Or(cmp.Compare(b.Longest, a.Longest), cmp.Compare(a.Name, b.Name)) })
	return all, idle
}

// scriptNames are the scripts by their digests.
var scriptNames = func() map[string]string {
	names := map[string]string{}
	for name, source := range map[string]string{
		"open": lua.Open, "deduct": lua.Deduct, "resolve": lua.Resolve, "refill": lua.Refill, "part": lua.Part, "settle": lua.Settle, "restock": lua.Restock,
		"close": lua.Close, "change": lua.Change, "read": lua.Read, "plan": lua.Plan, "find": lua.Find, "shut": lua.Shut, "page": lua.Page,
		"forget": lua.Forget, "snapshot": lua.Snapshot, "payments": lua.Payments, "orphan": lua.Orphan, "adopt": lua.Adopt, "rights": lua.Rights, "lease": lua.Lease, "registry": lua.Registry,
	} {
		sum := sha1.Sum([]byte(source))
		names[hex.EncodeToString(sum[:])] = name
	}
	return names
}()

// callName is a script's name, or a command's.
func callName(args []string) string {
	if len(args) == 0 {
		return "?"
	}
	command := strings.ToLower(args[0])
	switch {
	case command == "evalsha" && len(args) > 1:
		if name, known := scriptNames[args[1]]; known {
			return name + ".lua"
		}
		return "script " + args[1]
	case command == "eval" && len(args) > 2:
		// The slow log cuts a script's text short, so its digest is not known. It ran in full
		// only once, to be compiled.
		return "eval, a script's first call"
	}
	return command
}

// waitedForCore is how many seconds a process's main thread has been ready to run without
// running.
func waitedForCore(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(raw))
	if len(fields) < 2 {
		return 0, fmt.Errorf("schedstat of process %d: %q", pid, raw)
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	return float64(n) / 1e9, err
}

// missed are the calls that were longer than they may be, as text. What a trivial call took
// in the same time is not their own.
func (p stretch) missed() (list []string) {
	for _, c := range p.Slow {
		if c.Longest-p.Trivial > maxRedisCall.Seconds()*1000 {
			list = append(list, fmt.Sprintf("%s: %d calls of %s took more than %v, the longest %.1f ms (a trivial one up to %.1f)", p.Name, c.Above, c.Name, maxRedisCall, c.Longest, p.Trivial))
		}
	}
	return list
}

// favour gives a process's main thread precedence over all others, as if it had a core of its
// own. Where that is not allowed, calls may look longer than they are.
func favour(pid int) error {
	return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
}

// longest is the phase's longest call, as text.
func (p stretch) longest() string {
	if len(p.Slow) == 0 {
		return fmt.Sprintf("less than %v", slowLogThreshold)
	}
	return fmt.Sprintf("%.1f ms, %s", p.Slow[0].Longest, p.Slow[0].Name)
}
