package measured

import (
	_ "embed" // the page's beginning
	"fmt"
	"maps"
	"slices"
	"strings"

	"onsale/internal/telemetry"
)

//go:embed page.md
var beginning string

// Unused are metrics that no rule and no dashboard uses, each with the reason. A test holds this
// against deploy/. One without a reason costs every scrape for nothing.
var Unused = map[string]string{
	"onsale_buyerapi_under_way_calls": "it is for sizing `--requests`. What comes of too many, answers that are busy, is in the error budget.",
	"onsale_token_jwks_calls_total":   "the alert goes by the age of the keys; beside it this shows whether the address is asked at all, and whether unknown key ids have it asked more often.",
	"onsale_token_signatures_total":   "it is for sizing `--identity-cache` (verified against remembered) and for looking at a flood of forged tokens, about which nobody is alerted.",
}

// Page is docs/metrics.md.
func Page(programs []Program) string {
	var b strings.Builder
	b.WriteString(beginning)
	for _, p := range programs {
		fmt.Fprintf(&b, "\n## Of %ss\n\n| metric | kind | labels | what it shows |\n|---|---|---|---|\n", p.Name)
		for _, m := range p.Metrics {
			b.WriteString(line(m))
		}
	}
	if len(Unused) > 0 {
		b.WriteString("\n## Used by no rule and no dashboard\n\n")
		for _, name := range slices.Sorted(maps.Keys(Unused)) {
			fmt.Fprintf(&b, "- `%s`: %s\n", name, Unused[name])
		}
	}
	return b.String()
}

func line(m telemetry.Metric) string {
	labels := "–"
	if len(m.Labels) > 0 {
		labels = strings.Join(m.Labels, ", ")
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.Name, m.Kind, labels, m.Help)
}
