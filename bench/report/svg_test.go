package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// said is all text of an SVG, which must be well-formed.
func said(t *testing.T, name, svg string) (text []string) {
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
		got := said(t, name, all[name])
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
		said(t, name, svg)
	}
}
