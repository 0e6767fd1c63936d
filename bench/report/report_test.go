package report_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/bench/report"
)

func TestWhatIsWrittenIsLoadedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := sample()
		text := rapid.OneOf(rapid.String(), rapid.Just(hostile))
		number := rapid.Float64Range(0, 1e15)
		want.Command, want.Notes = text.Draw(t, "command"), rapid.SliceOf(text).Draw(t, "notes")
		for i := range want.Rows {
			want.Rows[i].Rate, want.Rows[i].Oversold = number.Draw(t, "rate"), rapid.Int64().Draw(t, "oversold")
			want.Rows[i].CPU = rapid.MapOf(text, number).Draw(t, "cpu")
			want.Rows[i].Faults = rapid.SliceOf(text).Draw(t, "faults")
		}
		var b bytes.Buffer
		if err := want.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		got, err := report.Load(&b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("loaded report (-want +got):\n%s", diff)
		}
	})
}

// Reports are kept: renaming a key loses the old ones.
func TestKeysAreStable(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`  "cpu_model": "Example CPU",`, `  "rows": [`, `      "strategy": "redis-lua",`, `      "generator_busy": 0.4`,
		`          "p999_ms": 20,`, `      "cpu_us": {`, `      "memory_bytes": {`, `      "false_sold_out": 0,`, `      "lost_acks": 0,`,
		`          "quantile": 0.5,`, `      "levels": [`, `          "left": 2000`, `      "what": "killed n002"`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got no %q in the JSON, want it", want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"what is no JSON": "report", "an empty file": "", "half a report": `{"command": "x"`,
		"another file's object": `{"tickets": 10}`, "what follows a report": `{"rows":[{"strategy":"a","phase":"hit","loop":"open"}]} {}`,
		"a row without a loop": `{"rows":[{"strategy":"a","phase":"hit"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := report.Load(strings.NewReader(text)); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
}

func TestValidateReportsAllFaultsAtOnce(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Errorf("a good report: got %v, want nil", err)
	}
	r := sample()
	r.Rows[0] = report.Row{
		Loop: "both", Rate: math.NaN(), GeneratorBusy: -1, CPU: map[string]float64{"server": math.Inf(1)},
		Classes: map[string]report.Quantiles{"late": {P99: -2}},
	}
	r.Rows[1].Offered = 5
	r.Curves[0].Points = []report.Point{{Quantile: 0.5}, {Quantile: 0.4}, {Quantile: 2, Millis: -3}}
	r.Stock[0].Levels[0].Seconds, r.Marks[0].Seconds = -1, -4
	want := []string{
		`row 0 (""): want a strategy`, `row 0 (""): want a phase`, `row 0 (""): loop "both": want open or closed`,
		`row 0 (""): rate NaN: want 0 to 1e+15`, `row 0 (""): generator_busy -1: want 0 to 1e+15`,
		`row 0 (""): cpu_us of server +Inf: want 0 to 1e+15`,
		`row 0 (""): class "late": want one of [sold sold-out limited busy error]`, `row 0 (""): ms of late -2: want 0 to 1e+15`,
		`row 1 ("onsale"): offered 5: want 0, the loop is closed`,
		`curve 0 ("redis-lua"): quantile 0.4: want them rising`, `curve 0 ("redis-lua"): quantile 2: want 0 to 1`,
		`curve 0 ("redis-lua"): ms -3: want 0 to 1e+15`,
		`stock 0 ("n000"): seconds -1: want 0 to 1e+15`, `mark 0 ("killed n002"): seconds -4: want 0 to 1e+15`,
	}
	if diff := cmp.Diff(want, strings.Split(r.Validate().Error(), "\n")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
