package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/bench/report"
)

func svgs(t *testing.T, r *report.Report) map[string]string {
	t.Helper()
	files, err := r.WriteSVG(filepath.Join(t.TempDir(), "new"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(text)
	}
	return all
}

// textOf returns all text of an SVG, which must be well-formed.
func textOf(t *testing.T, name, svg string) (text []string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if data, ok := token.(xml.CharData); ok && strings.TrimSpace(string(data)) != "" {
			text = append(text, strings.TrimSpace(string(data)))
		}
	}
}

func TestPictures(t *testing.T) {
	all := svgs(t, sample())
	want := map[string][]string{
		"throughput-hit-closed.svg":      {"Buyers served a second, hit: capacity (closed loop)", "onsale", "39,000", "901", "buyers served a second (more is better), log axis", "Not drawn, INVALID: oversells. 2 cores, linux/amd64, go1.26, commit 0123456789ab, 2026-03-04"},
		"cpu-hit-closed.svg":             {"Processor time a request, hit: capacity (closed loop)", "server", "redis", "333", "µs of processor time a request, the generator's left out (less is better)"},
		"throughput-sold-out-closed.svg": {"60,000", "2 cores, linux/amd64, go1.26, commit 0123456789ab, 2026-03-04"},
		"cpu-sold-out-closed.svg":        {"5.00"},
		"cpu-spike-open.svg":             {"16.7"},
		"latency-spike-open-sold.svg":    {"Latency of “sold”, spike: open loop, 20,000 requests a second offered", "50 %", "99 %", "99.99 %", "onsale", "redis-lua", "ms, log axis (less is better)"},
		"stock.svg":                      {"n000", "n004", "killed n002", "redis away", "redis back", "seconds", "tickets"},
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, texts := range want {
		got := textOf(t, name, all[name])
		for _, text := range texts {
			if !slices.Contains(got, text) {
				t.Errorf("%s: got %q, want %q among them", name, got, text)
			}
		}
		if !strings.Contains(all[name], `width="600pt"`) {
			t.Errorf("%s: want it 800 pixels, 600 points, wide", name)
		}
		if slices.Contains(got, "oversells") {
			t.Errorf("%s: got the INVALID strategy drawn, want it left out", name)
		}
		if slices.Contains(got, report.Generator) {
			t.Errorf("%s: got the generator as a part of a strategy's cost, want it left out", name)
		}
	}
}

func TestPicturesOfHostileTextAreWellFormed(t *testing.T) {
	for name, svg := range svgs(t, infested()) {
		textOf(t, name, svg)
	}
}

// Whatever a run measured, also nothing, there is a page, and every number in it is one.
func TestOddReportsAreDrawn(t *testing.T) {
	number := rapid.OneOf(rapid.SampledFrom([]float64{0, 1e-300, 1e-9, 1, 1e15}), rapid.Float64Range(0, 1e6))
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		r := sample()
		r.Rows = r.Rows[:rapid.IntRange(1, len(r.Rows)).Draw(t, "rows")]
		for i := range r.Rows {
			row := &r.Rows[i]
			row.Rate, row.CPU = number.Draw(t, "rate"), map[string]float64{"server": number.Draw(t, "server"), "redis": number.Draw(t, "redis")}
			row.Completed = rapid.Int64Range(0, 2).Draw(t, "completed")
		}
		for i := range r.Curves {
			points := r.Curves[i].Points[rapid.IntRange(0, 11).Draw(t, "from"):]
			for j := range points {
				points[j].Millis = number.Draw(t, "ms")
			}
			r.Curves[i].Points = points
		}
		for i := range r.Stock {
			s := &r.Stock[i]
			s.Levels = s.Levels[:rapid.IntRange(0, 3).Draw(t, "levels")]
			for j := range s.Levels {
				s.Levels[j] = report.Level{Seconds: number.Draw(t, "seconds"), Left: rapid.SampledFrom([]int64{0, 5, 1 << 40}).Draw(t, "left")}
			}
		}
		r.Marks[0].Seconds = number.Draw(t, "mark")
		files, err := r.WriteSVG(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
				t.Errorf("%s: got what is no number, want none", f)
			}
		}
	})
}

func TestFaultyReportsAreNotDrawn(t *testing.T) {
	r := sample()
	r.Rows[0].Rate = math.Inf(1)
	if files, err := r.WriteSVG(t.TempDir()); err == nil {
		t.Errorf("got pictures %v, want an error", files)
	}
	if err := r.WriteHTML(io.Discard, ""); err == nil {
		t.Error("got a page, want an error")
	}
}

func TestOfSeveralRepeatsTheMedianOneIsDrawn(t *testing.T) {
	r := sample()
	r.Curves = []report.Curve{curve("onsale", 2)}
	want := svgs(t, r)["latency-spike-open-sold.svg"]
	for repeat, p50 := range map[int]float64{2: 1, 3: 9} {
		c := curve("onsale", p50)
		c.Repeat = repeat
		r.Curves = append(r.Curves, c)
	}
	if got := svgs(t, r)["latency-spike-open-sold.svg"]; got != want {
		t.Error("got another repeat's curve, want that of the median p99")
	}
}

func TestEveryPictureHasAFileOfItsOwn(t *testing.T) {
	r := sample()
	second := spike("onsale", 2)
	second.Offered = 5_000
	escaping := hit("onsale", 1, 5)
	escaping.Phase = "../../Escaping phase"
	r.Rows = []report.Row{spike("onsale", 2), second, escaping}
	r.Curves, r.Stock, r.Marks = nil, nil, nil
	want := []string{"cpu-______escaping_phase-closed.svg", "cpu-spike-open-2.svg", "cpu-spike-open.svg", "throughput-______escaping_phase-closed.svg"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(svgs(t, r)))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
