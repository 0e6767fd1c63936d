package report

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// metrics are those of a sale of the last hour, scraped every five seconds: three minutes before it, and three minutes after.
func metrics(from sale.Instant) string {
	var b strings.Builder
	family := func(name, kind string, series map[string]func(i int) float64) {
		fmt.Fprintf(&b, "# TYPE %s %s\n", name, kind)
		for labels, value := range series {
			for i := range 80 {
				fmt.Fprintf(&b, "%s{%s} %v %d\n", name, labels, value(i), int64(from)/1000-180+int64(i)*5)
			}
		}
	}
	rises := func(a int) func(int) float64 { return func(i int) float64 { return float64(a * i) } }
	is := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	family("onsale_buyerapi_answers_total", "unknown", map[string]func(int) float64{
		`endpoint="place-order",code="sold-out",instance="n1"`: rises(10), `endpoint="place-order",code="sold-out",instance="n2"`: rises(5), `endpoint="place-order",code="created",instance="n1"`: rises(1), `endpoint="show-sale",code="ok",instance="n1"`: rises(90), `endpoint="place-order",code="busy",instance="n1"`: is(7)})
	family("onsale_rebalance_ready", "gauge", map[string]func(int) float64{`instance="a1"`: is(1)})
	family("onsale_remotestock_resent_claims_total", "unknown", map[string]func(int) float64{`instance="n1"`: is(0)})
	family("onsale_ledger_lag_seconds", "gauge", map[string]func(int) float64{`sale="concert"`: is(1.5), `sale="other"`: is(9)})
	family("up", "gauge", map[string]func(int) float64{
		`job="onsale-node",instance="n1"`: is(1), `job="onsale-node",instance="n2"`: func(i int) float64 { return float64(i % 2) }, `job="another",instance="x"`: is(0)})
	family("ALERTS", "gauge", map[string]func(int) float64{
		`alertname="OnsaleRedisAway",alertstate="firing",severity="page",instance="n1"`: is(1), `alertname="Other",alertstate="pending"`: is(1)})
	return b.String() + "# EOF\n"
}

// TestARealPrometheusIsAsked has every query evaluated on one that has kept a sale.
func TestARealPrometheusIsAsked(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: install Debian's prometheus, or run make deps", err)
	}
	dir := t.TempDir()
	// A block has to be older than what Prometheus keeps in memory.
	from := sale.Instant(time.Now().Add(-6 * time.Hour).Truncate(time.Minute).UnixMilli())
	kept, config := filepath.Join(dir, "metrics"), filepath.Join(dir, "prometheus.yml")
	for name, text := range map[string]string{kept: metrics(from), config: "global: {}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", kept, data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p, err := process.StartPrometheusOn(t.Context(), dir, config, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	r := sample()
	r.History.Sale.Opens, r.History.First, r.History.Last = from, from+10_000, from+60_000
	if err := r.During(t.Context(), Prometheus{URL: p.URL() + "/"}); err != nil {
		t.Fatal(err)
	}
	s := r.Site
	near := cmp.Options{cmpopts.EquateApprox(0.02, 0.1), cmpopts.IgnoreUnexported(Answers{})}
	// From a minute before to a minute after are three minutes, in which a counter rises 36 times.
	if diff := cmp.Diff([]Answers{{Code: "sold-out", Count: Count{540, true}}, {Code: "created", Count: Count{36, true}}, {Code: "busy", Count: Count{0, true}}}, s.Answers, near); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if rates := s.Answers[0].rates; len(rates) < 20 || rates[10].value < 2.9 || rates[10].value > 3.1 {
		t.Errorf("got rates %v, want three a second", rates)
	}
	known := map[string]Count{}
	for _, f := range s.Failures {
		known[f.What] = f.Count
	}
	want := map[string]Count{}
	for _, f := range failures {
		want[f.what] = Count{} // not known
	}
	for what, value := range map[string]float64{
		"Nodes that crashed, as an allocator noticed": 0, "Calls that failed, of allocators": 0, "Claims that were sent again, because the answer was lost": 0,
		"Programs that did not answer Prometheus for a while": 1, "Longest that an event waited for its ledger": 1.5,
	} {
		want[what] = Count{value, true}
	}
	if diff := cmp.Diff(want, known, near); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if len(s.Alerts) != 1 || s.Alerts[0].Name != "OnsaleRedisAway" || s.Alerts[0].Severity != "page" || s.Alerts[0].To.Sub(s.Alerts[0].From) < 2*time.Minute {
		t.Errorf("got alerts %v, want the one that fired", s.Alerts)
	}
	if has, err := (Prometheus{URL: p.URL()}).hasRules(t.Context()); has || err != nil {
		t.Errorf("got %v, %v, want a Prometheus without rules", has, err)
	}
}

func TestWhatIsNoPrometheusIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"another server":  {http.StatusOK, "<html>", "no answer of a Prometheus"},
		"a query refused": {http.StatusBadRequest, `{"status":"error","error":"parse error"}`, "parse error"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			r := sample()
			err := r.During(t.Context(), Prometheus{URL: strings.Replace(server.URL, "://", "://ann:secret@", 1)})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || r.Site != nil {
				t.Errorf("got %v and %v, want %q without the password", err, r.Site, c.want)
			}
		})
	}
}
