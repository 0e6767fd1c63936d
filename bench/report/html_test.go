package report_test

import (
	"bytes"
	"strings"
	"testing"

	"onsale/bench/report"
	"onsale/internal/picture/picturetest"
)

func html(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b, "onsale"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageRefersToNothingOutside(t *testing.T) {
	picturetest.WantSelfContained(t, html(t, sample()))
}

func TestPageContains(t *testing.T) {
	text := html(t, sample())
	for _, want := range []string{
		"hit: capacity (closed loop)", "spike: open loop, 20,000 requests a second offered", "× onsale", "0.52×",
		"go run ./bench compare", "0123456789ab", "2 cores, linux/amd64, go1.26", "Example CPU", "7.0.15", "Redis: appendfsync always.",
		"lacks: a crash between its commands loses a ticket", "generator saturated", "Title of redis-decr",
		"Buyers served a second, hit: capacity (closed loop)", "Buyers served a second, sold-out: capacity (closed loop)",
		"Processor time a request", "Latency of “sold”, spike", "Stock left on each node", "killed n002", "99.99 %", "n004",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in the page, want it", want)
		}
	}
	if got, want := strings.Count(text, `<tr class="invalid">`), 2; got != want {
		t.Errorf("got %d red rows, want %d", got, want)
	}
	row := text[strings.Index(text, `<tr class="invalid">`):]
	if row = row[:strings.Index(row, "</tr>")]; !strings.Contains(row, "oversells") || !strings.Contains(row, "INVALID: sold 10,013 of 10,000 tickets") {
		t.Errorf("got the red row %q, want the INVALID one with its first fault", row)
	}
}

// infested is the sample with a hostile text wherever a text can be.
func infested() *report.Report {
	r := sample()
	r.Command, r.Machine, r.Commit, r.CPUModel, r.Kernel = hostile, hostile, hostile, hostile, hostile
	r.Notes, r.Versions = []string{hostile}, map[string]string{hostile: hostile}
	for i := range r.Rows {
		r.Rows[i].Strategy, r.Rows[i].Title, r.Rows[i].Durability = r.Rows[i].Strategy+hostile, hostile, hostile
		r.Rows[i].Lacks, r.Rows[i].CPU = []string{hostile}, map[string]float64{hostile: 5}
		if r.Rows[i].Invalid() {
			r.Rows[i].Faults = []string{hostile}
		}
	}
	for i := range r.Curves {
		r.Curves[i].Strategy += hostile
	}
	for i := range r.Stock {
		r.Stock[i].Node = hostile
	}
	for i := range r.Marks {
		r.Marks[i].What = hostile
	}
	return r
}

func TestHostileTextBecomesNoMarkup(t *testing.T) {
	text := html(t, infested())
	if strings.Contains(text, "<script") || strings.Contains(text, "\x1b") || strings.Contains(text, "\x00") {
		t.Error("got the hostile text as it was, want it escaped")
	}
	if got, want := strings.Count(text, "&lt;script src="), 20; got < want {
		t.Errorf("got %d escaped texts, want at least %d", got, want)
	}
}
