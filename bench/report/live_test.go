package report_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/bench/report"
)

// comparison goes through three steps, one of them INVALID.
func comparison(l *report.Live) {
	l.Begin(3)
	l.Step("onsale hit")
	l.Row(hit("onsale", 1, 40_000))
	l.Step("oversells hit")
	broken := hit("oversells", 1, 90_000)
	broken.Faults = []string{"sold\ntwice"}
	l.Row(broken)
	l.Step("redis-lua spike")
	slow := spike("redis-lua", 5)
	slow.GeneratorBusy = 0.9
	l.Row(slow)
	l.End()
	l.End()
}

func TestLivePrintsPlainLinesWhereNobodyWatches(t *testing.T) {
	var b bytes.Buffer
	comparison(report.NewLive(&b))
	want := `[1/3] onsale hit
onsale, hit: capacity (closed loop): 40,000 served a second, p99 3.75 ms, 100.0 % served
[2/3] oversells hit
oversells, hit: capacity (closed loop): INVALID: sold twice
[3/3] redis-lua spike
redis-lua, spike: open loop, 20,000 requests a second offered: 18,000 served a second, p99 15.0 ms, 100.0 % served, generator saturated
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLiveDrawsABarOnATerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	got := onTerminal(t, func(w io.Writer) { comparison(report.NewLive(w)) })
	for _, want := range []string{
		"0 / 3 [", "1 / 3 [", "2 / 3 [", "66.67%", "redis-lua spike",
		"\r\x1b[K\x1b[31moversells, hit: capacity (closed loop): INVALID: sold twice\x1b[0m\n",
		"\r\x1b[Konsale, hit: capacity (closed loop): 40,000 served a second, p99 3.75 ms, 100.0 % served\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in %q", want, got)
		}
	}
	if strings.Contains(got, "[1/3]") || strings.Contains(got, "3 / 3") {
		t.Errorf("got %q, want a bar in place of lines, and never more than is done", got)
	}
	if !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("got %q, want the bar gone at the end", got)
	}
}

func TestLiveMayBeUsedByMany(t *testing.T) {
	var b bytes.Buffer
	l := report.NewLive(&b)
	l.Begin(50)
	done := make(chan bool)
	for range 50 {
		go func() {
			l.Step("a step")
			l.Row(hit("onsale", 1, 1))
			done <- true
		}()
	}
	for range 50 {
		<-done
	}
	if got := strings.Count(b.String(), "\n"); got != 100 || !strings.Contains(b.String(), "[50/50] a step\n") {
		t.Errorf("got %d lines, want 100, the last step being [50/50]:\n%s", got, b.String())
	}
}
