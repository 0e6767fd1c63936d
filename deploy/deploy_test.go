// Package deploy_test checks the files that a site provisions: Prometheus's rules and their
// cases, Alertmanager's example, and Grafana's dashboards.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"onsale/internal/testbed/process"
)

// rule is one of a rule file: an alert, or a recording rule.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

// rules are those of all rule files.
func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, path := range glob(t, "prometheus/rules/*.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		parse(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// alerts are the rules that are alerts, by name.
func alerts(t *testing.T) map[string]rule {
	t.Helper()
	named := map[string]rule{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if _, twice := named[r.Alert]; twice {
			t.Errorf("%s is the name of two alerts", r.Alert)
		}
		named[r.Alert] = r
	}
	return named
}

// glob fails the test where nothing matches.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: got %d files and error %v, want some", pattern, len(paths), err)
	}
	return paths
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tool runs a program of a Debian package, and wants it to succeed.
func tool(t *testing.T, program, pkg string, args ...string) {
	t.Helper()
	path, err := process.Find(program, pkg)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestFilesAreValid(t *testing.T) {
	tool(t, "promtool", "prometheus", "check", "config", "prometheus/prometheus.yml")
	tool(t, "promtool", "prometheus", "check", "config", "prometheus/containers.yml")
	tool(t, "promtool", "prometheus", append([]string{"check", "rules", "--lint-fatal"}, glob(t, "prometheus/rules/*.yml")...)...)
	tool(t, "amtool", "prometheus-alertmanager", "check-config", "alertmanager/alertmanager.yml")
}

func TestCasesOfRules(t *testing.T) {
	tool(t, "promtool", "prometheus", append([]string{"test", "rules"}, glob(t, "prometheus/tests/*.yml")...)...)
}

// A rule without a case that fires may never fire, and one without a quiet case always.
func TestEachAlertHasAFiringAndAQuietCase(t *testing.T) {
	type cases struct{ firing, quiet int }
	found := map[string]*cases{}
	for name := range alerts(t) {
		found[name] = &cases{}
	}
	for _, path := range glob(t, "prometheus/tests/*.yml") {
		var file struct {
			Tests []struct {
				Cases []struct {
					Alert  string `yaml:"alertname"`
					Expect []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		parse(t, path, &file)
		for _, test := range file.Tests {
			for _, c := range test.Cases {
				of := found[c.Alert]
				switch {
				case of == nil:
					t.Errorf("%s has a case of %s, which is no alert", path, c.Alert)
				case len(c.Expect) > 0:
					of.firing++
				default:
					of.quiet++
				}
			}
		}
	}
	for name, c := range found {
		if c.firing == 0 || c.quiet == 0 {
			t.Errorf("%s: got %d firing and %d quiet cases, want at least one of each", name, c.firing, c.quiet)
		}
	}
}

func TestEachAlertHasWhatItsReaderNeeds(t *testing.T) {
	for name, r := range alerts(t) {
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: got severity %q, want critical or warning", name, s)
		}
		for _, annotation := range []string{"summary", "description"} {
			if r.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", name, annotation)
			}
		}
	}
}

// pagesAt is where the links of alerts find the folder docs.
const pagesAt = "https://onsale.dev/docs/"

// parts are what a section of the runbook has, in this order.
var parts = []string{"**Meaning.**", "**Impact.**", "**First look.**", "```sh", "**Mend.**"}

// sections are those of the page of alerts, by heading.
func sections(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, section := range regexp.MustCompile(`(?m)^##? `).Split(read(t, "../docs/runbook/alerts.md"), -1)[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		found[heading] = body
	}
	return found
}

func TestEachAlertHasASectionOfTheRunbook(t *testing.T) {
	pages, named := sections(t), alerts(t)
	for name, r := range named {
		if got, want := r.Annotations["runbook_url"], pagesAt+"runbook/alerts.md#"+strings.ToLower(name); got != want {
			t.Errorf("%s links to %s, want %s", name, got, want)
		}
		rest, ok := pages[name], true
		for _, part := range parts {
			if _, rest, ok = strings.Cut(rest, part); !ok {
				t.Errorf("docs/runbook/alerts.md, %s: got no %s, or in another order", name, part)
				break
			}
		}
	}
	for heading, body := range pages {
		if _, is := named[heading]; !is && strings.Contains(body, parts[0]) {
			t.Errorf("docs/runbook/alerts.md has a section on %s, which is no alert", heading)
		}
	}
}

// Alertmanager takes a name that no alert has, and the rule then never matches.
func TestInhibitionsNameAlerts(t *testing.T) {
	named := alerts(t)
	matched := 0
	for _, pattern := range regexp.MustCompile(`alertname=~?"([^"]+)"`).FindAllStringSubmatch(read(t, "alertmanager/alertmanager.yml"), -1) {
		for _, one := range strings.Split(pattern[1], "|") {
			matches, exact := 0, regexp.MustCompile("^(?:"+one+")$")
			for name := range named {
				if exact.MatchString(name) {
					matches++
				}
			}
			if matches == 0 {
				t.Errorf("alertmanager.yml names %s, which no alert has", one)
			}
			matched += matches
		}
	}
	if matched < 20 {
		t.Errorf("got %d alerts named, want far more", matched)
	}
}

// Rules and dashboards go by the jobs' names, and machines and containers have a file each.
func TestContainersAreScrapedAsMachinesAre(t *testing.T) {
	type config struct {
		Global map[string]string
		Rules  []string `yaml:"rule_files"`
		Jobs   []struct {
			Name string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	var machines, containers config
	parse(t, "prometheus/prometheus.yml", &machines)
	parse(t, "prometheus/containers.yml", &containers)
	if len(machines.Jobs) < 3 {
		t.Errorf("got jobs %v, want nodes, allocators and ledgers", machines.Jobs)
	}
	if diff := cmp.Diff(machines, containers); diff != "" {
		t.Errorf("containers.yml differs from prometheus.yml (-machines +containers):\n%s", diff)
	}
}
