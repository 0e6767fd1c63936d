package report_test

import (
	"bytes"
	"strings"
	"testing"

	"onsale/bench/report"
	"onsale/internal/picture/picturetest"
)

func sheet() report.Sheet {
	t := report.Table{Caption: "All of them.", Head: []string{"what", "figure"}}
	t.Add("tickets", 10)
	t.Add(hostile, 2.5)
	header := sample().Header
	header.Noise = &report.Noise{Load: 0.5, Others: 12.34, Stolen: 1}
	return report.Sheet{Title: "A sale", Header: header, Tables: []report.Table{t},
		Missed: []string{"too slow"}, Unshown: []string{"nothing died"}, Notes: []string{hostile}}
}

func TestSheetContains(t *testing.T) {
	s := sheet()
	outputs := func() map[string]string {
		var text, page bytes.Buffer
		if err := s.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if err := s.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		return map[string]string{"text": text.String(), "page": page.String()}
	}
	for name, got := range outputs() {
		for _, want := range []string{
			"figure", "tickets", "10", "2.5", "All of them.", "Audit passed", "MISSED: too slow", "NOT SHOWN: nothing died", "go run ./bench compare",
			"0123456789ab", "2026-03-04 05:06:07 UTC", "other processes took 12.3 % of the processors, the hypervisor 1.0 %; load before the run 0.5",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("got no %q in the %s, want it:\n%s", want, name, got)
			}
		}
		if strings.ContainsAny(got, "\x1b\x00") || strings.Contains(got, "<script") && name == "page" {
			t.Errorf("got the hostile text as it was in the %s, want it harmless", name)
		}
	}
	s.Faults = []string{"sold twice"}
	for name, got := range outputs() {
		if !strings.Contains(got, "INVALID: 1 faults") || !strings.Contains(got, "FAULT: sold twice") || strings.Contains(got, "Audit passed") {
			t.Errorf("got no fault in the %s, want it:\n%s", name, got)
		}
	}
}

func TestSheetRefersToNothingOutside(t *testing.T) {
	s := sheet()
	s.Notes, s.Tables[0].Rows[1][0] = nil, "harmless" // the hostile text names an address, if escaped
	var b bytes.Buffer
	if err := s.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	picturetest.WantSelfContained(t, b.String())
}

// The page of a clean run has to state that nothing was oversold or unsold: silence is no audit.
func TestReportShowsWhatItsAuditFound(t *testing.T) {
	clean := &report.Report{Rows: []report.Row{hit("onsale", 1, 100), hit("onsale", 2, 100)}}
	broken := &report.Report{Rows: []report.Row{hit("onsale", 1, 100), hit("b", 1, 100)}}
	broken.Rows[0].Oversold, broken.Rows[1].Oversold, broken.Rows[1].Unsold = 2, 1, 4
	for want, r := range map[string]*report.Report{
		"Audit: oversold 0, unsold 0, duplicate orders 0, lost acknowledgements 0, false “sold out” 0.": clean,
		"Audit: oversold 3, unsold 4, ": broken,
	} {
		var b bytes.Buffer
		tables(t, &b, r, "")
		for name, got := range map[string]string{"page": html(t, r), "tables": b.String()} {
			if !strings.Contains(got, want) {
				t.Errorf("got no %q in the %s:\n%s", want, name, got)
			}
		}
	}
}
