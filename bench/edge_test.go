package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestEdge(t *testing.T) {
	var r edgeResult
	file := filepath.Join(t.TempDir(), "out.json")
	err := run(t.Context(), []string{"edge", "--runs", "1", "--requests", "20000", "--purchases", "2000", "--handshakes", "200", "--idle", "300", "--json", file, "--binaries", binaries})
	if err != nil && !strings.Contains(err.Error(), "beyond the bound") { // one run on a busy machine may be
		t.Error(err)
	}
	readResult(t, file, &r)
	if len(r.SoldOut) != len(ways) {
		t.Fatalf("got %+v, want each way", r.SoldOut)
	}
	for _, w := range r.SoldOut {
		if w.Micros <= 0 || w.Ratio.Value <= 0 {
			t.Errorf("got %+v, want processor time", w)
		}
	}
	for _, name := range []string{edgePurchase, edgeSoldOut, edgeHandshake} {
		if r.Micros[name] <= 0 {
			t.Errorf("got no processor time for %s", name)
		}
	}
	if r.Memory[edgeTLS] <= r.Memory[edgePlain] {
		t.Errorf("got %v, want more for a connection with TLS", r.Memory)
	}
	for _, name := range []string{edgePurchase, edgeDocument, edgeHandshake} {
		if r.Exchanges[name].Up <= 0 || r.Exchanges[name].Down <= 100 {
			t.Errorf("%s: got %+v, want bytes each way", name, r.Exchanges[name])
		}
	}
	if len(r.Faults) > 0 {
		t.Errorf("got the faults %q", r.Faults)
	}
}
