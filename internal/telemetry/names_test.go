package telemetry_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"onsale/internal/telemetry"
)

// full is a registry in which every metric has been used.
func full() *telemetry.Metrics {
	m := telemetry.New()
	n := m.NewNode([]string{"ok", "created"}, []string{"held", "sold-out"}, func() []telemetry.Level {
		return []telemetry.Level{{Sale: "s", Slice: 3, Buffer: 2, Remaining: 100, SoldOut: true}}
	})
	n.Answered(1)
	n.Bought(time.Millisecond)
	n.Called("deduct", time.Millisecond, nil)
	n.Called("deduct", time.Second, errors.New("away"))
	n.Decided(0)
	n.Resent(2)
	m.Flag("onsale_remotestock_breaker_open", "1 while the circuit breaker refuses calls.", func() bool { return true })
	m.Flag("onsale_checkout_ready", "1 while Redis answers this node's polls.", func() bool { return true })
	n.Buffered("s")
	n.Adopted("s")
	n.Drew("s", "granted")
	n.Lost("s", true)
	n.Orphan()

	a := m.NewAllocator()
	a.Leading(true)
	a.Planned("s", "tick")
	a.Expired("s", 3)
	a.Failed("plan")
	a.Published(time.Millisecond)
	a.InForce(5, 4)
	a.Unpublished()
	a.Member("joined")
	a.Lost("s", true)

	l := m.NewLedger()
	l.Lag("s", 3, time.Second)
	l.Reading("s", true)
	l.Committed("s", 3, 40, time.Millisecond)
	l.Failed("commit")
	l.Unreadable("s", 1)
	l.Lost("s", true)
	l.Stalled("s", true)
	m.Flag("onsale_ledger_ready", "1 while this ledger records.", func() bool { return true })

	r := m.NewRedis()
	r.Unsafe("appendonly", true)
	r.Memory(0.5, true)
	r.Stepped(time.Second)
	return m
}

// The closed sets of the naming rule. Who adds a word here has thought about it.
var (
	parts  = []string{"buyerapi", "checkout", "localstock", "remotestock", "rebalance", "upstream", "membership", "ledger", "admission"}
	units  = []string{"seconds", "tickets", "nodes", "answers", "calls", "claims", "buffers", "plans", "draws", "holds", "failures", "publications", "events", "payments", "entries", "orders", "ratio"}
	labels = []string{"sale", "script", "result", "outcome", "code", "reason", "operation", "event", "setting"}
)

// faults is what breaks the naming rule in a metric of ours.
func faults(name, help, kind string) []string {
	var found []string
	fault := func(bad bool, text string) {
		if bad {
			found = append(found, name+": "+text)
		}
	}
	words := strings.Split(strings.TrimSuffix(name, "_total"), "_")
	flag := kind == "GAUGE" && (strings.HasPrefix(help, "1 while ") || strings.HasPrefix(help, "1 since "))
	fault(help == "" || !strings.HasSuffix(help, "."), "help is no sentence")
	fault(len(words) < 3 || words[0] != "onsale" || !slices.Contains(parts, words[1]), "is not onsale_<part>_<what>")
	fault(!flag && !slices.Contains(units, words[len(words)-1]), "does not end in a unit")
	fault(strings.HasSuffix(name, "_total") != (kind == "COUNTER"), "_total is for counters, and for all of them")
	fault(kind == "HISTOGRAM" && !strings.HasSuffix(name, "_seconds"), "histograms are of seconds")
	return found
}

func TestEveryMetricFollowsTheNamingRule(t *testing.T) {
	families, err := full().Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "onsale_") {
			if !regexp.MustCompile(`^(go|process|promhttp)_`).MatchString(f.GetName()) {
				t.Errorf("%s is neither ours nor the runtime's", f.GetName())
			}
			continue
		}
		for _, fault := range faults(f.GetName(), f.GetHelp(), f.GetType().String()) {
			t.Error(fault)
		}
		for _, metric := range f.GetMetric() {
			for _, label := range metric.GetLabel() {
				if !slices.Contains(labels, label.GetName()) {
					t.Errorf("%s: label %s is of no closed set", f.GetName(), label.GetName())
				}
			}
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "onsale_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestTheNamingRuleFindsFaults(t *testing.T) {
	for name, c := range map[string]struct{ help, kind string }{
		"sales_buyerapi_answers_total":    {"Answers.", "COUNTER"},
		"onsale_util_answers_total":       {"Answers.", "COUNTER"},
		"onsale_buyerapi_answers":         {"Answers.", "COUNTER"},
		"onsale_upstream_nodes_total":     {"Nodes.", "GAUGE"},
		"onsale_buyerapi_purchase_millis": {"Time.", "HISTOGRAM"},
		"onsale_upstream_published_total": {"Renderings.", "COUNTER"},
		"onsale_checkout_readiness":       {"Whether it is ready.", "GAUGE"},
		"onsale_upstream_nodes":           {"", "GAUGE"},
	} {
		if len(faults(name, c.help, c.kind)) == 0 {
			t.Errorf("got no fault in %s", name)
		}
	}
}

// A metric that nobody uses here would pass the other tests unseen.
func TestEveryMetricIsUsed(t *testing.T) {
	registry := full().Registry()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var used, registered []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "onsale_") {
			used = append(used, f.GetName())
		}
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descs)
		close(descs)
	}()
	name := regexp.MustCompile(`fqName: "(onsale_\w+)"`)
	for d := range descs {
		if found := name.FindStringSubmatch(d.String()); found != nil {
			registered = append(registered, found[1])
		}
	}
	slices.Sort(registered)
	if diff := cmp.Diff(registered, used); diff != "" || len(used) == 0 {
		t.Errorf("metrics (-registered +used):\n%s", diff)
	}
}

// Metrics that full leaves out would not be checked: those of ledgers and of Redis were not.
func TestNoMetricIsLeftOut(t *testing.T) {
	checked := map[string]bool{}
	families, err := full().Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		checked[f.GetName()] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`"(onsale_\w+)"`).FindAllSubmatch(source, -1) {
			if named++; !checked[string(found[1])] {
				t.Errorf("%s: %s is in no test of names", file, found[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("got %d metrics named in the sources, want far more", named)
	}
}

// Flags are registered where the programs are wired.
func TestFlagsFollowTheNamingRule(t *testing.T) {
	files, err := filepath.Glob("../app/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range regexp.MustCompile(`Flag\("(\w+)", "([^"]*)"`).FindAllSubmatch(source, -1) {
			found++
			for _, fault := range faults(string(flag[1]), string(flag[2]), "GAUGE") {
				t.Errorf("%s: %s", file, fault)
			}
		}
	}
	if found < 4 {
		t.Errorf("got %d flags, want those of nodes, allocators and ledgers", found)
	}
}
