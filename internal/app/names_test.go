package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"onsale/internal/app/measured"
	"onsale/internal/telemetry"
)

// metrics are those of each program.
func metrics(t *testing.T) map[string][]telemetry.Metric {
	t.Helper()
	programs, err := measured.Programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string][]telemetry.Metric{}
	for _, p := range programs {
		metrics[p.Name] = p.Metrics
	}
	return metrics
}

// The closed sets of the naming rule. A name is added here only after thought.
var (
	parts  = []string{"buyerapi", "checkout", "localstock", "remotestock", "rebalance", "upstream", "membership", "ledger", "admission", "token", "proof", "soldout"}
	units  = []string{"seconds", "tickets", "nodes", "answers", "calls", "claims", "buffers", "plans", "refills", "holds", "failures", "publications", "events", "payments", "entries", "orders", "signatures", "ratio", "bytes", "generation", "numbers", "leases"}
	labels = []string{"sale", "script", "result", "outcome", "code", "reason", "operation", "event", "setting", "endpoint", "decision"}
)

// faults is what breaks the naming rule in a metric of ours.
func faults(m telemetry.Metric) []string {
	var found []string
	fault := func(bad bool, text string) {
		if bad {
			found = append(found, m.Name+": "+text)
		}
	}
	fields := strings.Split(strings.TrimSuffix(m.Name, "_total"), "_")
	flag := m.Kind == "gauge" && (strings.HasPrefix(m.Help, "1 while ") || strings.HasPrefix(m.Help, "1 since "))
	fault(m.Help == "" || !strings.HasSuffix(m.Help, "."), "help is no sentence")
	fault(len(fields) < 3 || fields[0] != "onsale" || !slices.Contains(parts, fields[1]), "is not onsale_<part>_<what>")
	fault(!flag && !slices.Contains(units, fields[len(fields)-1]), "does not end in a unit")
	fault(strings.HasSuffix(m.Name, "_total") != (m.Kind == "counter"), "_total is for counters, and for all of them")
	for _, label := range m.Labels {
		fault(!slices.Contains(labels, label), "label "+label+" is of no closed set")
	}
	return found
}

func TestEveryMetricFollowsTheNamingRule(t *testing.T) {
	for program, metrics := range metrics(t) {
		if len(metrics) < 12 {
			t.Errorf("%s: got %d metrics, want far more", program, len(metrics))
		}
		var text strings.Builder
		for _, m := range metrics {
			for _, fault := range faults(m) {
				t.Errorf("%s: %s", program, fault)
			}
			fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", m.Name, m.Help, m.Name, m.Kind)
			if m.Kind != "histogram" {
				fmt.Fprintf(&text, "%s 1\n", m.Name)
			}
		}
		problems, err := promlint.New(strings.NewReader(text.String())).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", program, p.Metric, p.Text)
		}
	}
}

func TestTheNamingRuleFindsFaults(t *testing.T) {
	for name, c := range map[string]struct{ help, kind, label string }{
		"sales_buyerapi_answers_total":    {"Answers.", "counter", "code"},
		"onsale_util_answers_total":       {"Answers.", "counter", "code"},
		"onsale_buyerapi_answers":         {"Answers.", "counter", "code"},
		"onsale_upstream_nodes_total":     {"Nodes.", "gauge", "sale"},
		"onsale_buyerapi_purchase_millis": {"Time.", "histogram", "sale"},
		"onsale_upstream_published_total": {"Renderings.", "counter", "sale"},
		"onsale_checkout_readiness":       {"Whether it is ready.", "gauge", "sale"},
		"onsale_upstream_nodes":           {"", "gauge", "sale"},
		"onsale_buyerapi_answers_total ":  {"Answers.", "counter", "buyer"},
		"onsale_ledger_lag_milliseconds":  {"Lag.", "gauge", "sale"},
		"onsale_remotestock_used_percent": {"Share.", "gauge", "sale"},
	} {
		m := telemetry.Metric{Name: strings.TrimSpace(name), Help: c.help, Kind: c.kind, Labels: []string{c.label}}
		if len(faults(m)) == 0 {
			t.Errorf("got no fault in %+v", m)
		}
	}
}

func TestPagesNameMetricsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, metrics := range metrics(t) {
		for _, m := range metrics {
			known[m.Name] = true
			for _, series := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+series] = m.Kind == "histogram"
			}
		}
	}
	wantKnown(t, known)
}

// wantKnown: no page names a metric that is not there.
func wantKnown(t *testing.T, known map[string]bool) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/*/*.md", "../../deploy/*/*", "../../deploy/*/*/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	named := 0
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bonsale_[a-z]+_[a-z_]+[a-z]\b`).FindAllString(string(text), -1) {
			if named++; !known[name] {
				t.Errorf("%s names the metric %s, which no program has", file, name)
			}
		}
	}
	if named < 60 {
		t.Errorf("got %d metrics named in the pages, want far more", named)
	}
}
