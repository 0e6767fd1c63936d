package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/bench/report"
)

func TestRepeatsAreTakenTogether(t *testing.T) {
	repeats := []report.Row{hit("a", 1, 100), hit("a", 2, 400), hit("a", 3, 200)}
	for i := range repeats {
		n := float64(i)
		repeats[i].CPU = map[string]float64{"server": 10 - n, "redis": n}
		repeats[i].Memory = map[string]int64{"server": int64(i)}
		repeats[i].GeneratorBusy = 0.25 * (n + 1)
		repeats[i].Classes = map[string]report.Quantiles{report.ClassSold: {Count: 10_000, P50: n, P95: 10 + n, P99: 20 - n, P999: 30 - n, Max: 40}}
	}
	repeats[1].Classes[report.ClassError] = latency(9, 5)
	repeats[1].Oversold, repeats[2].LostAcks, repeats[0].Unsold, repeats[0].Duplicates, repeats[2].FalseSoldOut = 1, 2, 3, 4, 5
	repeats[1].Dropped, repeats[2].Dropped = 7, 9
	repeats[1].Faults, repeats[2].Lacks = []string{"sold twice"}, []string{"durability"}
	want := repeats[0]
	want.Repeat, want.Rate, want.GeneratorBusy, want.Dropped = 0, 200, 0.75, 9
	want.Oversold, want.LostAcks, want.Unsold, want.Duplicates, want.FalseSoldOut = 1, 2, 3, 4, 5
	want.CPU, want.Memory = map[string]float64{"server": 9, "redis": 1}, map[string]int64{"server": 1}
	want.Classes = map[string]report.Quantiles{
		report.ClassSold:  {Count: 10_000, P50: 1, P95: 11, P99: 19, P999: 29, Max: 40},
		report.ClassError: {Count: 0, P50: 5, P95: 10, P99: 15, P999: 40, Max: 100},
	}
	want.Faults, want.Lacks = []string{"repeat 2: sold twice"}, []string{"durability"}
	got := report.Summarise(append(repeats, hit("b", 1, 7)))
	other := report.Summary{Row: hit("b", 1, 7), Repeats: 1, Low: 7, High: 7}
	if diff := cmp.Diff([]report.Summary{{Row: want, Repeats: 3, Low: 100, High: 400}, other}, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

func TestEvenRepeatsGiveTheMeanOfTheMiddleTwo(t *testing.T) {
	got := report.Summarise([]report.Row{hit("a", 1, 1), hit("a", 2, 2), hit("a", 3, 4), hit("a", 4, 9)})
	if len(got) != 1 || got[0].Rate != 3 {
		t.Errorf("got %+v, want one summary with rate 3", got)
	}
}

// A repeat that failed must not vanish among six that went well.
func TestOneBrokenRepeatMakesAllInvalid(t *testing.T) {
	rows := []report.Row{hit("a", 1, 9), hit("a", 2, 9), hit("a", 3, 9)}
	rows[2].Faults = []string{"sold twice"}
	if s := report.Summarise(rows)[0]; !s.Invalid() {
		t.Errorf("got %+v, want it INVALID", s)
	}
}
