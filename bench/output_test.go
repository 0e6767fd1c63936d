package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/app"
)

// sold is a headline's result, as if it had run.
func sold() *headlineResult {
	latency := generator.NewLatency()
	latency.Record(3 * time.Millisecond)
	return &headlineResult{
		outcome: outcome{Header: report.Header{Command: "go run ./bench headline", Machine: "2 cores", Commit: "0123456789ab"}},
		Nodes:   3, Buyers: 20, Tickets: 10, Sold: 10, Requests: 22, Seconds: 2, Answers: map[string]int64{"201": 10},
		decisions: map[generator.Class]*generator.Latency{generator.ClassSold: latency},
		nodes:     map[string][]report.Level{"n1": {{Left: 10}, {Seconds: 1, Left: 0}}},
	}
}

func (r *headlineResult) published() publication { return salePage{published{r}, r.page()} }

// bench headline printed raw JSON even with --json FILE.
func TestOnlyJSONToStandardOutputPrintsJSON(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "out.json")
	for name, test := range map[string]struct {
		flags output
		json  string // the file with it; - is standard output
	}{
		"no flag":     {},
		"--json FILE": {output{JSON: file}, file},
		"--json -":    {output{JSON: "-"}, "-"},
		"--out":       {output{Out: filepath.Join(folder, "all")}, filepath.Join(folder, "all", "report.json")},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.flags.prepare(); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			if err := test.flags.publishTo(&stdout, &stderr, sold().published()); err != nil {
				t.Fatal(err)
			}
			text, raw := stdout.String(), stdout.Bytes()
			switch test.json {
			case "-":
				text = stderr.String()
			case "":
				raw = nil
			default:
				var err error
				if raw, err = os.ReadFile(test.json); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"oversold", "unsold", "Audit passed", "command: go run ./bench headline", "commit: 0123456789ab"} {
				if !strings.Contains(text, want) {
					t.Errorf("got no %q in the text, want it:\n%s", want, text)
				}
			}
			if strings.Contains(text, "{") {
				t.Errorf("got JSON among the text:\n%s", text)
			}
			var got headlineResult
			if err := json.Unmarshal(raw, &got); test.json != "" && (err != nil || got.Sold != 10 || got.Commit != "0123456789ab") {
				t.Errorf("got the JSON %s, %v, want the result", raw, err)
			}
		})
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("a file called - was made")
	}
}

// The page of a headline once left out "oversold 0, unsold 0".
func TestHeadlinePageShowsOversoldAndUnsold(t *testing.T) {
	page := func(r *headlineResult) string {
		var b bytes.Buffer
		if err := r.published().WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for want, change := range map[string]func(*headlineResult){
		"oversold 0, unsold 0,": func(*headlineResult) {},
		"oversold 2, unsold 0,": func(r *headlineResult) { r.Oversold = 2 },
		"oversold 0, unsold 3,": func(r *headlineResult) { r.Unsold = 3 },
	} {
		r := sold()
		change(r)
		if got := page(r); !strings.Contains(got, want) {
			t.Errorf("got no %q on the page, want it", want)
		}
	}
}

// bench compare alone had --out.
func TestEveryCommandHasTheSameOutputFlags(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Name("bench"), kong.Vars{"hostname": "here"}, app.Values)
	if err != nil {
		t.Fatal(err)
	}
	help := map[string]string{}
	for _, command := range parser.Model.Children {
		if command.Hidden {
			continue
		}
		found := map[string]string{}
		for _, flag := range command.Flags {
			found[flag.Name] = flag.Help
		}
		for _, name := range []string{"json", "html", "out"} {
			if help[name] == "" {
				help[name] = found[name]
			}
			if found[name] == "" || found[name] != help[name] {
				t.Errorf("%s --%s: got the help %q, want %q", command.Name, name, found[name], help[name])
			}
		}
	}
	if len(help) != 3 {
		t.Errorf("got the flags %v, want three", help)
	}
}

func TestOutHoldsPageAndPictures(t *testing.T) {
	o := output{Out: filepath.Join(t.TempDir(), "new", "folder")}
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := o.publishTo(io.Discard, io.Discard, sold().published()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, want := range []string{"report.html", "report.json", "stock.svg"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("got %v, want %s among them", names, want)
		}
	}
}

func TestChildPublishesInThePlaceOfItsParent(t *testing.T) {
	var got output
	parser, err := kong.New(&got)
	if err != nil {
		t.Fatal(err)
	}
	want := output{JSON: "/a", HTML: "/b", Out: "/c"}
	if _, err := parser.Parse(want.args()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}
