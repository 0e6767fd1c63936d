package telemetry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask asks an admin port that is ready or not.
func ask(t *testing.T, m *telemetry.Metrics, ready bool, method, path, body string) (status int, contentType, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.AdminMux(unless(&ready), none).ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	got, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header().Get("Content-Type"), string(got)
}

// unless is the readiness of a process that says why it is not ready.
func unless(ready *bool) func() error {
	return func() error {
		if *ready {
			return nil
		}
		return errors.New("Redis does not answer")
	}
}

func none() []string { return nil }

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name, path string
		ready      bool
		status     int
		text       string
	}{
		{"a process that answers is live", "/livez", true, http.StatusOK, "live\n"},
		{"and live though it is not ready", "/livez", false, http.StatusOK, "live\n"},
		{"ready", "/readyz", true, http.StatusOK, "ready\n"},
		{"not ready, and why", "/readyz", false, http.StatusServiceUnavailable, "not ready: Redis does not answer\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				status, kind, text := ask(t, telemetry.New(), c.ready, method, c.path, "")
				if status != c.status || text != c.text || !strings.HasPrefix(kind, "text/plain") {
					t.Errorf("%s: got %d %q %q, want %d %q", method, status, kind, text, c.status, c.text)
				}
			}
			if status, _, _ := ask(t, telemetry.New(), c.ready, http.MethodPost, c.path, ""); status != http.StatusMethodNotAllowed {
				t.Errorf("POST: got %d, want 405", status)
			}
		})
	}
	// A path outside of /admin/v1 was answered with plain text.
	for method, want := range map[string]int{http.MethodGet: http.StatusNotFound, http.MethodPut: http.StatusMethodNotAllowed} {
		path := map[int]string{http.StatusNotFound: "/", http.StatusMethodNotAllowed: "/metrics"}[want]
		status, kind, text := ask(t, telemetry.New(), true, method, path, "")
		if status != want || kind != "application/problem+json" || !strings.Contains(text, `"detail":`) {
			t.Errorf("%s %s: got %d %q %s, want a problem document of %d", method, path, status, kind, text, want)
		}
	}
}

func TestReadinessIsAskedEveryTime(t *testing.T) {
	ready := false
	mux := telemetry.New().AdminMux(unless(&ready), none)
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
		ready = !ready
	}
}

func TestMetricsAreServed(t *testing.T) {
	status, kind, text := ask(t, full(), true, http.MethodGet, "/metrics", "")
	if status != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=") {
		t.Fatalf("got %d %q, want 200 in the text format", status, kind)
	}
	for _, line := range []string{
		`onsale_buyerapi_answers_total{code="created"} 1`, `onsale_buyerapi_answers_total{code="ok"} 0`,
		`onsale_buyerapi_purchase_seconds_bucket{le="0.001"} 1`, `onsale_buyerapi_purchase_seconds_bucket{le="0.0005"} 0`,
		`onsale_remotestock_calls_total{result="ok",script="deduct"} 1`, `onsale_remotestock_calls_total{result="error",script="deduct"} 1`,
		`onsale_remotestock_call_seconds_sum{script="deduct"} 1.001`,
		`onsale_remotestock_claims_total{outcome="held"} 1`, `onsale_remotestock_claims_total{outcome="sold-out"} 0`,
		`onsale_remotestock_resent_claims_total 2`, `onsale_remotestock_breaker_open 1`, `onsale_checkout_ready 1`,
		`onsale_localstock_touched_buffers_total{sale="s"} 1`, `onsale_localstock_adopted_plans_total{sale="s"} 1`,
		`onsale_localstock_draws_total{result="granted",sale="s"} 1`, `onsale_localstock_sold_out{sale="s"} 1`,
		`onsale_localstock_slice_tickets{sale="s"} 3`, `onsale_localstock_buffer_tickets{sale="s"} 2`, `onsale_checkout_remaining_tickets{sale="s"} 100`,
		`onsale_rebalance_leading 1`, `onsale_rebalance_plans_total{reason="tick",sale="s"} 1`, `onsale_rebalance_expired_holds_total{sale="s"} 3`,
		`onsale_rebalance_failures_total{operation="plan"} 1`, `onsale_upstream_publications_total 1`, `onsale_upstream_publish_seconds_count 1`,
		`onsale_upstream_failures_total 1`, `onsale_upstream_nodes 5`, `onsale_upstream_selling_nodes 4`, `onsale_membership_events_total{event="joined"} 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("got no %s of the runtime", name)
		}
	}
}

func TestFlagsFall(t *testing.T) {
	m := telemetry.New()
	a := m.NewAllocator()
	for _, up := range []bool{true, false} {
		a.Leading(up)
	}
	_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
	for _, line := range []string{
		"onsale_rebalance_leading 0",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
}

// What is known of sales is asked at every scrape: a sale that sells again, or that is gone, is not sold out.
func TestSalesAreAskedAtEveryScrape(t *testing.T) {
	var levels []telemetry.Level
	m := telemetry.New()
	m.NewNode(nil, nil, func() []telemetry.Level { return levels })
	for _, c := range []struct {
		levels []telemetry.Level
		want   []string
	}{
		{[]telemetry.Level{{Sale: "s", SoldOut: true}}, []string{`onsale_localstock_sold_out{sale="s"} 1`}},
		{[]telemetry.Level{{Sale: "s"}}, []string{`onsale_localstock_sold_out{sale="s"} 0`}},
		{nil, nil},
	} {
		levels = c.levels
		_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
		got := regexp.MustCompile(`onsale_localstock_sold_out\{.*`).FindAllString(text, -1)
		if !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

// A gauge that was set when something changed went on saying so when that was over.
func TestAFlagIsAskedAtEveryScrape(t *testing.T) {
	m, is := telemetry.New(), false
	m.Flag("onsale_checkout_ready", "1 while it is.", func() bool { return is })
	for range 4 {
		_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
		if want := fmt.Sprintf("\nonsale_checkout_ready %d\n", map[bool]int{false: 0, true: 1}[is]); !strings.Contains(text, want) {
			t.Errorf("got no line %q", want)
		}
		is = !is
	}
}

// The hot path maintains no gauges, so a scrape has to ask.
func TestLevelsAreThoseOfTheScrape(t *testing.T) {
	m := telemetry.New()
	var levels []telemetry.Level
	m.NewNode(nil, nil, func() []telemetry.Level { return levels })
	if _, _, text := ask(t, m, true, http.MethodGet, "/metrics", ""); strings.Contains(text, "onsale_localstock_slice_tickets") {
		t.Error("got levels of no sale")
	}
	for _, left := range []int64{9_007_199_254, 0} {
		levels = []telemetry.Level{{Sale: "a", Slice: left, Buffer: 1, Remaining: 2}, {Sale: "b", Slice: 7}}
		_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
		for _, line := range []string{
			fmt.Sprintf(`onsale_localstock_slice_tickets{sale="a"} %v`, float64(left)), `onsale_localstock_slice_tickets{sale="b"} 7`,
			`onsale_localstock_buffer_tickets{sale="a"} 1`, `onsale_checkout_remaining_tickets{sale="a"} 2`, `onsale_checkout_remaining_tickets{sale="b"} 0`,
		} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("got no line %s", line)
			}
		}
	}
}

func TestMetricsOfTwoProcessesDoNotMeet(t *testing.T) {
	one, two := full(), full() // in dev mode they live in one process
	for _, m := range []*telemetry.Metrics{one, two} {
		if _, _, text := ask(t, m, true, http.MethodGet, "/metrics", ""); !strings.Contains(text, "\nonsale_upstream_publications_total 1\n") {
			t.Error("got another count than 1")
		}
	}
}

func TestALogHasItsLevel(t *testing.T) {
	for _, console := range []bool{false, true} {
		l, err := telemetry.NewLog("warn", console)
		if err != nil {
			t.Fatal(err)
		}
		if l.Core().Enabled(zap.InfoLevel) || !l.Core().Enabled(zap.WarnLevel) {
			t.Errorf("got level %v, want warn", l.Level())
		}
	}
	if _, err := telemetry.NewLog("loud", false); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("got %v, want the level named", err)
	}
}
