package deploy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

// outages breaks one part of the site after the other, and wants its alerts and no other ones. The
// rules are those that are shipped, with their times.
func (w *watched) outages(t *testing.T) {
	w.expect(t, "all goes well")

	one, other := w.Nodes[0], w.Nodes[1]
	must(t, one.Kill())
	w.expect(t, "a node was killed", "OnsaleProgramDown "+one.Admin)
	must(t, other.Kill())
	w.expect(t, "both nodes were killed", "OnsaleNoSellingNode demo", "OnsaleProgramDown "+one.Admin, "OnsaleProgramDown "+other.Admin)
	must(t, one.Start(), other.Start())
	w.expect(t, "both nodes are back")

	must(t, w.Postgres.Stop(20*time.Second))
	w.expect(t, "PostgreSQL was stopped", "OnsaleNoLedgerWorks")
	must(t, w.Postgres.Restart(w.ctx))
	w.expect(t, "PostgreSQL is back")

	w.redis(t, "config", "set", "appendfsync", "everysec")
	w.expect(t, "Redis fsyncs once a second", "OnsaleRedisSettingUnsafe appendfsync")
	w.redis(t, "config", "set", "appendfsync", "always")
	w.expect(t, "it fsyncs each call again")

	must(t, w.Redis.Kill())
	w.redisAway(t, "Redis was killed")
	must(t, w.Redis.Restart(w.ctx))
	// Their share counts for five minutes more.
	w.expect(t, "Redis is back, and many answers have failed", "OnsaleErrorBudgetBurnsFast")

	w.disk.fill(t)
	await.Within(t, time.Minute, "Redis to end, as it can't write", func() bool {
		select {
		case <-w.Redis.Done():
			return true
		default:
			return false
		}
	})
	w.redisAway(t, "Redis's disk is full")
	w.disk.free(t)
	must(t, w.Redis.Restart(w.ctx))
	w.expect(t, "Redis has room again", "OnsaleErrorBudgetBurnsFast")
}

// redisAway wants that alert alone, also once the rules of everything that it explains fire.
func (w *watched) redisAway(t *testing.T, after string) {
	t.Helper()
	w.expect(t, after, "OnsaleRedisAway")
	await.Within(t, 2*time.Minute, after+": the alerts that it explains", func() bool {
		if got := w.firing(t); !slices.Equal(got, []string{"OnsaleRedisAway"}) {
			t.Fatalf("%s: got %q, want OnsaleRedisAway alone", after, got)
		}
		return len(w.query(t, `ALERTS{alertstate="firing", alertname=~"OnsaleNodeUnready|OnsaleNoSellingNode|OnsaleNoLedgerWorks|OnsaleNoAllocatorLeads"}`)) >= 5
	})
}

// expect waits until these alerts fire and no others, and fails on any that neither fired before
// nor is expected.
func (w *watched) expect(t *testing.T, after string, want ...string) {
	t.Helper()
	slices.Sort(want)
	before, got := w.firing(t), []string(nil)
	took := await.Within(t, 2*time.Minute, after+": "+strings.Join(want, ", "), func() bool {
		got = w.firing(t)
		for _, alert := range got {
			if !slices.Contains(want, alert) && !slices.Contains(before, alert) {
				t.Fatalf("%s: got the alert %s, want %q alone", after, alert, want)
			}
		}
		return slices.Equal(got, want)
	})
	t.Logf("%s: %q after %v", after, want, took.Round(time.Second))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *watched) redis(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(w.ctx, "redis-cli", append([]string{"-e", "-u", "redis://" + w.Redis.Addr()}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %q: %v: %s", args, err, out)
	}
}
