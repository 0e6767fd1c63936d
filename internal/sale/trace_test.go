package sale_test

import (
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/sale"
)

func TestTracesAreReadAndWritten(t *testing.T) {
	const text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	got, sampled, ok := sale.ParseTrace(text)
	if !ok || !sampled || got.String() != text || got.TraceID() != text[3:35] {
		t.Errorf("got %v, %v, %v, want %s", got, sampled, ok, text)
	}
	for name, c := range map[string]struct {
		text        string
		sampled, ok bool
	}{
		"not sampled":                  {text[:53] + "00", false, true},
		"other flags":                  {text[:53] + "ff", true, true},
		"a later version":              {"cc" + text[2:], true, true},
		"a later version with more":    {"cc" + text[2:] + "-what-is-new", true, true},
		"a later version, run on":      {"cc" + text[2:] + "x", false, false},
		"version 00 with more":         {text + "-x", false, false},
		"the version that must not be": {"ff" + text[2:], false, false},
		"upper case":                   {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false, false},
		"no trace":                     {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false, false},
		"no span":                      {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false, false},
		"no hexadecimal digit":         {"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false, false},
		"another separator":            {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false, false},
		"cut off":                      {text[:54], false, false},
		"nothing":                      {"", false, false},
	} {
		if _, sampled, ok := sale.ParseTrace(c.text); ok != c.ok || sampled != c.sampled {
			t.Errorf("%s: got %v, %v, want %v, %v", name, sampled, ok, c.sampled, c.ok)
		}
	}
}

func TestAnythingCanBeReadAsATrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`)).Draw(t, "text")
		if got, _, ok := sale.ParseTrace(text); ok && text[:2] == "00" && got.String()[:53] != text[:53] {
			t.Errorf("got %v, want %s", got, text)
		}
	})
}

func TestAnEventCarriesABoundedNumberOfTraces(t *testing.T) {
	var traced []sale.TracedClaim
	for i := range 40 {
		traced = append(traced, sale.TracedClaim{Trace: sale.Trace{ID: [16]byte{1}, Span: [8]byte{byte(i + 1)}}})
	}
	got := sale.ParseTraces(sale.FormatTraces(traced))
	if len(got) != 16 || got[0] != traced[0].Trace || got[15] != traced[15].Trace {
		t.Errorf("got %v, want the first 16", got)
	}
	if got := sale.ParseTraces("x " + traced[0].Trace.String() + "  00-"); len(got) != 1 || got[0] != traced[0].Trace {
		t.Errorf("got %v, want the one that can be read", got)
	}
}
