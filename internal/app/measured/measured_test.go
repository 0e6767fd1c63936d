package measured_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/app/measured"
)

func TestThePageIsMadeFromTheCode(t *testing.T) {
	programs, err := measured.Programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(measured.Page(programs), "\n"), strings.Split(string(page), "\n")); diff != "" {
		t.Errorf("docs/metrics.md is out of date: run go generate ./internal/app/measured (-want +got):\n%s", diff)
	}
}

func TestThePageGivesReasons(t *testing.T) {
	measured.Unused["onsale_a_calls_total"] = "it is read by hand."
	defer delete(measured.Unused, "onsale_a_calls_total")
	if want := "\n- `onsale_a_calls_total`: it is read by hand.\n"; !strings.Contains(measured.Page(nil), want) {
		t.Errorf("got a page without %q", want)
	}
}
