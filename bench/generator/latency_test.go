package generator

import (
	"encoding/json"
	"testing"
	"time"
)

// within three digits, as the histogram promises.
func wantAbout(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if diff := (got - want).Abs(); diff > want/1000 {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func hundred() *Latency {
	l := NewLatency()
	for i := range 100 {
		l.Record(time.Duration(i+1) * ms)
	}
	return l
}

func TestLatencySurvivesJSON(t *testing.T) {
	raw, err := json.Marshal(map[Class]*Latency{ClassSold: hundred(), ClassBusy: NewLatency()})
	if err != nil {
		t.Fatal(err)
	}
	var back map[Class]*Latency
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	l := back[ClassSold]
	for q, want := range map[float64]time.Duration{0.5: 50 * ms, 0.99: 99 * ms, 1: 100 * ms} {
		wantAbout(t, "quantile", l.Quantile(q), want)
	}
	wantAbout(t, "max", l.Max(), 100*ms)
	if l.Count() != 100 || back[ClassBusy].Count() != 0 {
		t.Errorf("got counts %d and %d, want 100 and 0", l.Count(), back[ClassBusy].Count())
	}
	l.Merge(hundred())
	l.Record(time.Second)
	if l.Count() != 201 {
		t.Errorf("merged: got %d, want 201", l.Count())
	}
	wantAbout(t, "max", l.Max(), time.Second)
}

func TestLatencyOutOfRangeIsBroughtIn(t *testing.T) {
	l := NewLatency()
	for _, d := range []time.Duration{-time.Second, 0, time.Nanosecond, time.Hour} {
		l.Record(d)
	}
	if l.Count() != 4 || l.Quantile(0.75) != time.Microsecond {
		t.Errorf("got %d, three quarters within %v, want 4 within 1µs", l.Count(), l.Quantile(0.75))
	}
	wantAbout(t, "max", l.Max(), time.Minute)
}

func TestNilLatencyIsEmpty(t *testing.T) {
	var l *Latency
	if l.Count() != 0 || l.Max() != 0 || l.Quantile(0.5) != 0 {
		t.Errorf("got %d, %v, %v, want zeros", l.Count(), l.Max(), l.Quantile(0.5))
	}
	full := hundred()
	if full.Merge(l); full.Count() != 100 {
		t.Errorf("merged with nil: got %d, want 100", full.Count())
	}
}

func TestForeignLatencyIsRefused(t *testing.T) {
	for _, raw := range []string{`"AAAA"`, `5`, `"!"`} {
		if err := json.Unmarshal([]byte(raw), new(Latency)); err == nil {
			t.Errorf("%s: got no error", raw)
		}
	}
}
