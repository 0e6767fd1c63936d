package telemetry_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"pgregory.net/rapid"

	"onsale/internal/telemetry"
)

// letter is a value of a closed set.
type letter uint8

func (l letter) String() string { return string('a' + rune(l)) }

func TestWhatAllProcessorsCountIsSummed(t *testing.T) {
	t.Parallel()
	m := telemetry.New()
	count := telemetry.CountPairs[letter, letter](m, "onsale_test_pairs_total", "h", [2]string{"x", "y"}, 3, 40)
	took := telemetry.SecondsPairs[letter, letter](m, "onsale_test_pair_seconds", "h", [2]string{"x", "y"}, 3, 2)
	const workers, each = 8, 5000
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range each {
				count(letter(i%3), 25)
				took(2, 1, time.Millisecond)
			}
		})
	}
	all.Wait()
	served := scraped(m)
	for _, line := range []string{
		fmt.Sprintf(`onsale_test_pairs_total{x="a",y="z"} %d`, workers*((each+2)/3)),
		fmt.Sprintf(`onsale_test_pairs_total{x="c",y="z"} %d`, workers*(each/3)),
		`onsale_test_pairs_total{x="c",y="y"} 0`,
		fmt.Sprintf(`onsale_test_pair_seconds_count{x="c",y="b"} %d`, workers*each),
		fmt.Sprintf(`onsale_test_pair_seconds_sum{x="c",y="b"} %d`, workers*each/1000),
		`onsale_test_pair_seconds_count{x="b",y="b"} 0`,
	} {
		if !strings.Contains(served, "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
}

// Prometheus's own histogram is what times are compared with.
func TestTimesFallIntoTheirBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]time.Duration{0, 100 * time.Microsecond, 100*time.Microsecond + 1, 2500 * time.Millisecond, 2500*time.Millisecond + 1, time.Hour}),
			rapid.Map(rapid.Int64Range(0, int64(3*time.Second)), func(n int64) time.Duration { return time.Duration(n) }),
		), 0, 50).Draw(t, "times")
		m := telemetry.New()
		took := m.Seconds("onsale_test_seconds", "h")
		theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "onsale_test_seconds", Help: "h", Buckets: buckets(m)})
		for _, d := range times {
			took(d)
			theirs.Observe(d.Seconds())
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(theirs)
		w := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if got, want := counts(scraped(m)), counts(w.Body.String()); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// counts are the lines of the test's histogram, but for the sum, which adds up floats in another order.
func counts(served string) string {
	return strings.Join(regexp.MustCompile(`(?m)^onsale_test_seconds_(bucket|count).*$`).FindAllString(served, -1), "\n")
}

// buckets are the upper bounds that a histogram is served with.
func buckets(m *telemetry.Metrics) (all []float64) {
	for _, bound := range regexp.MustCompile(`onsale_test_seconds_bucket\{le="([0-9.]+)"\}`).FindAllStringSubmatch(scraped(m), -1) {
		var upTo float64
		if _, err := fmt.Sscan(bound[1], &upTo); err != nil {
			panic(err)
		}
		all = append(all, upTo)
	}
	return all
}

func scraped(m *telemetry.Metrics) string {
	w := httptest.NewRecorder()
	m.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}
