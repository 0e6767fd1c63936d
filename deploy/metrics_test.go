package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"onsale/internal/app/measured"
)

// documented are the metrics of docs/metrics.md and their kinds.
func documented(t *testing.T) map[string]string {
	t.Helper()
	kinds := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(onsale_[a-z_]+)` \\| (counter|gauge|histogram) \\|").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		kinds[m[1]] = m[2]
	}
	if len(kinds) < 50 {
		t.Fatalf("got %d metrics in docs/metrics.md, want far more", len(kinds))
	}
	return kinds
}

// What is not a metric's name in an expression, in the order in which it is taken out.
var noNames = []*regexp.Regexp{
	regexp.MustCompile(`\{[^}]*\}`),
	regexp.MustCompile(`\[[^\]]*\]`),
	regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)`),
	regexp.MustCompile(`\b[a-z_]+\s*\(`),
	regexp.MustCompile(`\b(?:and|or|unless|bool|offset|sum|min|max|count)\b`),
	regexp.MustCompile(`\b\d+[a-z]*\b`),
}

// names are those of the metrics that an expression uses; a histogram's without their suffix.
func names(expr string, kinds map[string]string) []string {
	for _, no := range noNames {
		expr = no.ReplaceAllString(expr, " ")
	}
	var found []string
	for _, name := range regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_:]*`).FindAllString(expr, -1) {
		whole := regexp.MustCompile(`_(?:bucket|sum|count)$`).ReplaceAllString(name, "")
		if kinds[whole] == "histogram" {
			name = whole
		}
		found = append(found, name)
	}
	return found
}

func TestNamesAreTakenFromExpressions(t *testing.T) {
	kinds := map[string]string{"onsale_a_seconds": "histogram"}
	for expr, want := range map[string][]string{
		`histogram_quantile(0.99, sum by (le) (rate(onsale_a_seconds_bucket{script="deduct"}[1m]))) > 0.25`:     {"onsale_a_seconds"},
		`max by (sale) (changes(onsale_b[2m])) == 0 and on (sale) (sum by (sale) (up + onsale_c) or vector(0))`: {"onsale_b", "up", "onsale_c"},
		`onsale:x:ratio_rate5m > 14.4 * 0.001 or typo_total offset 5m`:                                          {"onsale:x:ratio_rate5m", "typo_total"},
	} {
		if got := names(expr, kinds); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}

// others are metrics that are not the site's: of Prometheus itself, the Go runtime and the process.
var others = regexp.MustCompile(`^(?:up|ALERTS|(?:go|process|node)_[a-z_]+)$`)

// queries are the expressions of all rules and dashboards, by where they stand.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, r := range rules(t) {
		name := "the rule " + r.Alert + r.Record
		all[name] = append(all[name], r.Expr)
	}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			name := "the panel " + p.Title
			all[name] = append(all[name], target.Expr)
		}
	}
	return all
}

func TestRulesAndDashboardsUseMetricsThatExist(t *testing.T) {
	kinds, recorded := documented(t), map[string]bool{}
	for _, r := range rules(t) {
		recorded[r.Record] = true
	}
	for where, exprs := range queries(t) {
		for _, expr := range exprs {
			used := names(expr, kinds)
			if len(used) == 0 {
				t.Errorf("%s: got no metric in %s", where, expr)
			}
			for _, name := range used {
				if kinds[name] == "" && !recorded[name] && !others.MatchString(name) {
					t.Errorf("%s uses %s, which docs/metrics.md does not list", where, name)
				}
			}
		}
	}
}

// A metric that nobody looks at costs every scrape, and hides what matters on the page.
func TestEachMetricIsUsed(t *testing.T) {
	kinds, used := documented(t), map[string]bool{}
	for _, exprs := range queries(t) {
		for _, name := range names(strings.Join(exprs, " + "), kinds) {
			used[name] = true
		}
	}
	for name := range kinds {
		switch {
		case !used[name] && measured.Unused[name] == "":
			t.Errorf("%s is used by no rule and no dashboard: use it, or list it in internal/app/measured.Unused with the reason", name)
		case used[name] && measured.Unused[name] != "":
			t.Errorf("%s is used, and stands in measured.Unused", name)
		}
	}
	for name := range measured.Unused {
		if kinds[name] == "" {
			t.Errorf("%s stands in measured.Unused, and is no metric", name)
		}
	}
}
