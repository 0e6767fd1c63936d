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
	"go.uber.org/zap"

	"onsale/internal/app/allocator"
	"onsale/internal/app/ledger"
	"onsale/internal/app/node"
	"onsale/internal/telemetry"
)

// measured are the metrics of each program.
func measured(t *testing.T) map[string][]telemetry.Metric {
	t.Helper()
	metrics := map[string][]telemetry.Metric{}
	keys, token := secrets(t)
	for name, run := range map[string]func() error{
		"node": func() error {
			return program(t, func(c node.Config) error {
				n, err := node.New(c, zap.NewNop())
				if err == nil {
					metrics["node"] = n.Metrics()
				}
				return err
			})(append(onLoopback, "--token-keys="+keys)...)
		},
		"allocator": func() error {
			return program(t, func(c allocator.Config) error {
				a, err := allocator.New(c, zap.NewNop())
				if err == nil {
					metrics["allocator"] = a.Metrics()
				}
				return err
			})(onLoopback[0], "--admin-token-file="+token)
		},
		"ledger": func() error {
			return program(t, func(c ledger.Config) error {
				l, err := ledger.New(t.Context(), c, zap.NewNop())
				if err == nil {
					metrics["ledger"] = l.Metrics()
				}
				return err
			})("--database-url=postgres://onsale@127.0.0.1/onsale")
		},
	} {
		if err := run(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return metrics
}

// The closed sets of the naming rule. A name is added here only after thought.
var (
	parts  = []string{"buyerapi", "checkout", "localstock", "remotestock", "rebalance", "upstream", "membership", "ledger", "admission"}
	units  = []string{"seconds", "tickets", "nodes", "answers", "calls", "claims", "buffers", "plans", "refills", "holds", "failures", "publications", "events", "payments", "entries", "orders", "ratio"}
	labels = []string{"sale", "script", "result", "outcome", "code", "reason", "operation", "event", "setting"}
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
	fault(m.Kind == "histogram" && !strings.HasSuffix(m.Name, "_seconds"), "histograms are of seconds")
	for _, label := range m.Labels {
		fault(!slices.Contains(labels, label), "label "+label+" is of no closed set")
	}
	return found
}

func TestEveryMetricFollowsTheNamingRule(t *testing.T) {
	for program, metrics := range measured(t) {
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
	} {
		m := telemetry.Metric{Name: strings.TrimSpace(name), Help: c.help, Kind: c.kind, Labels: []string{c.label}}
		if len(faults(m)) == 0 {
			t.Errorf("got no fault in %+v", m)
		}
	}
}

// documented are the lines of docs/metrics.md that a metric has there.
func documented(m telemetry.Metric) string {
	list := "–"
	if len(m.Labels) > 0 {
		list = strings.Join(m.Labels, ", ")
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.Name, m.Kind, list, m.Help)
}

func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for program, metrics := range measured(t) {
		_, section, _ := strings.Cut(string(page), "## Of "+map[string]string{"node": "nodes", "allocator": "allocators", "ledger": "ledgers"}[program]+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, m := range metrics {
			known[m.Name] = true
			if !strings.Contains(section, documented(m)) {
				t.Errorf("docs/metrics.md, %s: got no line\n%s", program, documented(m))
			}
		}
		if got := strings.Count(section, "\n| `"); got != len(metrics) {
			t.Errorf("docs/metrics.md, %s: got %d metrics, want the %d that it has", program, got, len(metrics))
		}
	}
	wantKnown(t, known)
}

// wantKnown: no page names a metric that is not there.
func wantKnown(t *testing.T, known map[string]bool) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/*/*.md", "../../deploy/*", "../../deploy/*/*"} {
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
