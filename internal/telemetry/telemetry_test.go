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
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/sale"
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

// unless is the readiness of a process that reports why it is not ready.
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

type digit uint8

func (d digit) String() string { return [...]string{"zero", "one"}[d] }

// full is a registry in which every kind of metric has been used.
func full() *telemetry.Metrics {
	m := telemetry.New()
	m.Count("count_total", "Help.")()
	m.Sum("sum_total", "Help.")(3)
	m.CountBy("by_total", "Help.", "a", "b")("x", "y")
	telemetry.CountEach[digit](m, "each_total", "Help.", "digit", 2)(1)
	telemetry.CountPairs[digit, digit](m, "pairs_total", "Help.", [2]string{"left", "right"}, 2, 2)(0, 1)
	telemetry.SecondsPairs[digit, digit](m, "pairs_seconds", "Help.", [2]string{"left", "right"}, 2, 2)(1, 0, 2*time.Second)
	m.Sizes("batch_claims", "Help.")(3)
	m.GaugeOf("gauge_of", "Help.", func() float64 { return 4 })
	failed := telemetry.Failures[string](m, "failures_total")
	failed("read", errors.New("away"))
	m.SaleCount("sale_count_total", "Help.")("s")
	m.SaleSum("sale_sum_total", "Help.")("s", 4)
	m.Gauge("gauge", "Help.")(0.5)
	m.Flag("flag", "Help.")(true)
	m.FlagBy("flag_by", "Help.", "setting")("appendonly", true)
	m.SaleGauge("sale_gauge", "Help.")("s", 7)
	m.SaleFlag("sale_flag", "Help.")("s", true)
	m.Seconds("took_seconds", "Help.")(time.Millisecond)
	m.SecondsBy("took_by_seconds", "Help.", "script")("deduct", 2*time.Second)
	m.FlagOf("flag_of", "Help.", func() bool { return true })
	m.SaleGauges(func(report func(sale.ID, ...float64)) { report("s", 1, 2) }, telemetry.Gauge{Name: "first", Help: "Help."}, telemetry.Gauge{Name: "second", Help: "Help."})
	return m
}

func TestMetricsAreServed(t *testing.T) {
	status, kind, text := ask(t, full(), true, http.MethodGet, "/metrics", "")
	if status != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=") {
		t.Fatalf("got %d %q, want 200 in the text format", status, kind)
	}
	for _, line := range []string{
		`count_total 1`, `sum_total 3`, `by_total{a="x",b="y"} 1`, `each_total{digit="zero"} 0`, `each_total{digit="one"} 1`,
		`pairs_total{left="zero",right="one"} 1`, `pairs_total{left="one",right="zero"} 0`,
		`pairs_seconds_sum{left="one",right="zero"} 2`, `pairs_seconds_count{left="zero",right="one"} 0`,
		`batch_claims_bucket{le="2"} 0`, `batch_claims_bucket{le="4"} 1`, `gauge_of 4`,
		`failures_total{operation="read"} 1`, `sale_count_total{sale="s"} 1`, `sale_sum_total{sale="s"} 4`,
		`gauge 0.5`, `flag 1`, `flag_by{setting="appendonly"} 1`, `sale_gauge{sale="s"} 7`, `sale_flag{sale="s"} 1`,
		`took_seconds_bucket{le="0.001"} 1`, `took_seconds_bucket{le="0.0005"} 0`, `took_by_seconds_sum{script="deduct"} 2`,
		`flag_of 1`, `first{sale="s"} 1`, `second{sale="s"} 2`,
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

// A flag that had been set stayed as a line for ever, also of a sale that is archived.
func TestASaleFlagThatIsOverHasNoLine(t *testing.T) {
	m := telemetry.New()
	lost := m.SaleFlag("lost", "Help.")
	lost("first", true)
	lost("second", true)
	lost("first", false)
	_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
	if strings.Contains(text, `sale="first"`) || !strings.Contains(text, "\n"+`lost{sale="second"} 1`+"\n") {
		t.Errorf("got\n%s\nwant a line of the second alone", text)
	}
}

// Metrics that a test of names did not see were not checked: those of ledgers and of Redis.
func TestEveryMetricIsListed(t *testing.T) {
	m := full()
	_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
	var want, got []string
	for _, line := range regexp.MustCompile(`(?m)^# (?:HELP (\S+) (.*)\n# TYPE \S+ (\S+))$`).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`^(go|process|promhttp)_`).MatchString(line[1]) {
			want = append(want, strings.Join(line[1:], " "))
		}
	}
	for _, r := range m.Registered() {
		got = append(got, strings.Join([]string{r.Name, r.Help, r.Kind}, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("metrics (-served +listed):\n%s", diff)
	}
}

func TestFlagsFall(t *testing.T) {
	m := telemetry.New()
	set := m.Flag("leading", "Help.")
	for _, up := range []bool{true, false} {
		set(up)
	}
	if _, _, text := ask(t, m, true, http.MethodGet, "/metrics", ""); !strings.Contains(text, "\nleading 0\n") {
		t.Error("got the flag up, want it down")
	}
}

// What is known of sales is asked at every scrape: a sale that sells again, or that is gone, is not sold out.
func TestSalesAreAskedAtEveryScrape(t *testing.T) {
	levels := map[sale.ID]float64{}
	m := telemetry.New()
	m.SaleGauges(func(report func(sale.ID, ...float64)) {
		for id, level := range levels {
			report(id, level)
		}
	}, telemetry.Gauge{Name: "sold_out", Help: "Help."})
	for _, c := range []struct {
		levels map[sale.ID]float64
		want   []string
	}{
		{map[sale.ID]float64{"a": 1, "b": 9_007_199_254}, []string{`sold_out{sale="a"} 1`, `sold_out{sale="b"} 9.007199254e+09`}},
		{map[sale.ID]float64{"a": 0}, []string{`sold_out{sale="a"} 0`}},
		{nil, nil},
	} {
		levels = c.levels
		_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
		got := regexp.MustCompile(`sold_out\{.*`).FindAllString(text, -1)
		if !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

// A gauge that was set when something changed kept its value when that was over.
func TestAFlagIsAskedAtEveryScrape(t *testing.T) {
	m, is := telemetry.New(), false
	m.FlagOf("onsale_checkout_ready", "1 while it is.", func() bool { return is })
	for range 4 {
		_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
		if want := fmt.Sprintf("\nonsale_checkout_ready %d\n", map[bool]int{false: 0, true: 1}[is]); !strings.Contains(text, want) {
			t.Errorf("got no line %q", want)
		}
		is = !is
	}
}

func TestASaleThatIsForgottenHasNoLine(t *testing.T) {
	m := telemetry.New()
	counted, by, gauge := m.SaleCount("count_total", "Help."), m.CountBy("by_total", "Help.", "sale", "result"), m.SaleGauge("gauge", "Help.")
	for _, id := range []sale.ID{"gone", "kept"} {
		counted(id)
		by(string(id), "ok")
		by(string(id), "error")
		gauge(id, 1)
	}
	m.Forget("gone")
	_, _, text := ask(t, m, true, http.MethodGet, "/metrics", "")
	if strings.Contains(text, `sale="gone"`) || strings.Count(text, `sale="kept"`) != 4 {
		t.Errorf("got\n%s\nwant the lines of the other sale alone", text)
	}
}

func TestMetricsOfTwoProcessesDoNotMeet(t *testing.T) {
	one, two := full(), full() // in dev mode they live in one process
	for _, m := range []*telemetry.Metrics{one, two} {
		if _, _, text := ask(t, m, true, http.MethodGet, "/metrics", ""); !strings.Contains(text, "\ncount_total 1\n") {
			t.Error("got another count than 1")
		}
	}
}

// Nodes count every answer and every claim.
func TestCountingAValueAllocatesNothing(t *testing.T) {
	m, both := telemetry.New(), [2]string{"left", "right"}
	count := telemetry.CountEach[digit](m, "each_total", "Help.", "digit", 2)
	pair := telemetry.CountPairs[digit, digit](m, "pairs_total", "Help.", both, 2, 2)
	took := telemetry.SecondsPairs[digit, digit](m, "pairs_seconds", "Help.", both, 2, 2)
	batch := m.Sizes("batch_claims", "Help.")
	if got := testing.AllocsPerRun(100, func() { count(1); pair(0, 1); took(1, 0, time.Second); batch(7) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func TestALogHasItsLevel(t *testing.T) {
	for _, console := range []bool{false, true} {
		l, level, err := telemetry.NewLog("warn", console)
		if err != nil {
			t.Fatal(err)
		}
		if l.Core().Enabled(zap.InfoLevel) || !l.Core().Enabled(zap.WarnLevel) {
			t.Errorf("got level %v, want warn", l.Level())
		}
		of := l.With(zap.String("node", "n1")) // made before the change
		if level.SetLevel(zap.DebugLevel); !of.Core().Enabled(zap.DebugLevel) {
			t.Errorf("got level %v after a change, want debug", of.Level())
		}
	}
	if _, _, err := telemetry.NewLog("loud", false); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("got %v, want the level named", err)
	}
}
