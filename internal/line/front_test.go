package line

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of docs/line.md")

// page has the table between two comments.
const page, begins, ends = "../../docs/line.md", "<!-- simulated -->\n", "<!-- end -->\n"

// A sale of each size is simulated so often. Small ones vary more.
var sizes = []struct{ tickets, times int }{{1, 10}, {10, 10}, {100, 10}, {1000, 4}, {10_000, 1}}

func steady(share float64) func(float64) float64 { return func(float64) float64 { return share } }

// jumps is a show-up that changes between two shares every so many seconds.
func jumps(a, b, seconds float64) func(float64) float64 {
	return func(t float64) float64 {
		if math.Mod(t, 2*seconds) < seconds {
			return a
		}
		return b
	}
}

// base is the crowd from which each scenario differs.
func base(name string, change func(*scenario)) scenario {
	s := scenario{name: name, come: steady(.5), late: .2, human: 10, takes: []float64{.35, .4, .12, .13}, unpaid: .3, rate: 200}
	change(&s)
	return s
}

var scenarios = []scenario{
	base("half of the admitted come", func(*scenario) {}),
	base("all come", func(s *scenario) { s.come = steady(1) }),
	base("one in five comes", func(s *scenario) { s.come = steady(.2) }),
	base("fewer and fewer: 0.9 to 0.2 in a quarter of an hour", func(s *scenario) {
		s.come = func(t float64) float64 { return max(.2, .9-.7*t/900) }
	}),
	base("0.2 and 0.9 in turns of 5 s", func(s *scenario) { s.come = jumps(.2, .9, 5) }),
	base("0.2 and 0.9 in turns of 20 s", func(s *scenario) { s.come = jumps(.2, .9, 20) }),
	base("0.2 and 0.9 in turns of 60 s", func(s *scenario) { s.come = jumps(.2, .9, 60) }),
	base("0.9 and 0.2 in turns of 60 s", func(s *scenario) { s.come = jumps(.9, .2, 60) }),
	base("0.2 and 0.9 in turns of 180 s", func(s *scenario) { s.come = jumps(.2, .9, 180) }),
	base("one ticket each", func(s *scenario) { s.takes = []float64{1, 0, 0, 0} }),
	base("four tickets each", func(s *scenario) { s.takes = []float64{0, 0, 0, 1} }),
	base("5 % are late", func(s *scenario) { s.late = .05 }),
	base("50 % are late", func(s *scenario) { s.late = .5 }),
	base("people take 20 s, not 10", func(s *scenario) { s.human = 20 }),
	base("half of the joined are bots that never come", func(s *scenario) { s.absent = .5 }),
	base("the same, and of people one in five comes", func(s *scenario) { s.absent, s.come = .5, steady(.2) }),
	base("half of the joined are bots that take four at once", func(s *scenario) { s.greedy = .5 }),
	base("the same, and 0.2 and 0.9 in turns of 20 s", func(s *scenario) { s.greedy, s.come = .5, jumps(.2, .9, 20) }),
	base("20 a second", func(s *scenario) { s.rate = 20 }),
	base("5,000 a second", func(s *scenario) { s.rate = 5000 }),
	base("nobody has joined before: 50 a second join", func(s *scenario) { s.joins = 50 }),
	base("nobody advances the front from 20 to 50 s", func(s *scenario) { s.away = [2]float64{20, 50} }),
}

// Whatever the crowd, at most 1 % of those who try in their turn, or two people, find the sale
// sold out, and everything is sold. docs/line.md has the table that this makes.
func TestRuleOfTheFront(t *testing.T) {
	rows := make([]string, len(scenarios))
	t.Run("scenarios", func(t *testing.T) {
		for i, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = row(t, s)
			})
		}
	})
	if t.Failed() {
		return
	}
	var table strings.Builder
	fmt.Fprint(&table, begins, "| tickets ")
	for _, size := range sizes {
		fmt.Fprintf(&table, "| %d ", size.tickets)
	}
	fmt.Fprint(&table, "|\n|---|---|---|---|---|---|\n", strings.Join(rows, ""), ends)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	from, to := bytes.Index(text, []byte(begins)), bytes.Index(text, []byte(ends))+len(ends)
	if from < 0 || to < from {
		t.Fatalf("%s has no table", page)
	}
	switch {
	case *update:
		text = append(append(text[:from:from], table.String()...), text[to:]...)
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	// Crowds are drawn with exponential functions, which other machines round otherwise.
	case runtime.GOARCH == "amd64" && string(text[from:to]) != table.String():
		t.Errorf("%s is out of date: go test ./internal/line -run %s -update; it should have\n%s", page, t.Name(), table.String())
	}
}

// row simulates a scenario in each size.
func row(t *testing.T, s scenario) string {
	var line strings.Builder
	fmt.Fprintf(&line, "| %s ", s.name)
	for _, size := range sizes {
		var sum outcome
		ideal := 0.0
		for i := range size.times {
			o := play(s, size.tickets, false, uint64(i))
			sum.asked, sum.refused, sum.taken = sum.asked+o.asked, sum.refused+o.refused, sum.taken+o.taken
			sum.unsold += o.unsold
			ideal += play(s, size.tickets, true, uint64(i)).taken
		}
		n := float64(size.times)
		if sum.refused > .01*sum.asked && sum.refused > 2*n {
			t.Errorf("%d tickets: %.1f of %.0f found it sold out", size.tickets, sum.refused/n, sum.asked/n)
		}
		if sum.unsold > 0 {
			t.Errorf("%d tickets: %d were not sold", size.tickets, sum.unsold)
		}
		fmt.Fprintf(&line, "| %.2f %% · %.0f s (%.0f s) ", 100*sum.refused/sum.asked, sum.taken/n, ideal/n)
	}
	return line.String() + "|\n"
}
