// Package telemetry turns the hooks of the other packages into Prometheus
// metrics, and serves them with health on the admin port. It
// knows none of those packages: anyone who wires them passes plain functions.
//
// Names are onsale_<part>_<what>_<unit>[_total]; the unit is what is counted or
// measured, and a flag, 1 or 0, has none. Labels come from closed sets, or name
// a sale or a script; never a buyer or an order.
package telemetry

import (
	"net/http"
	"strings"
	"time"

	"onsale/internal/problem"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is one process's registry.
type Metrics struct {
	registry *prometheus.Registry
	factory  promauto.Factory
}

// New makes a registry with the Go runtime's and the process's own metrics.
func New() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Metrics{registry: r, factory: promauto.With(r)}
}

// latencies reach from a local answer to Nginx's patience.
var latencies = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

// Flag registers a gauge that is 1 while is says so. It is asked at every scrape, so that it can't be out of date.
func (m *Metrics) Flag(name, help string, is func() bool) {
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return flag(is()) })
}

// AdminMux serves health and metrics, to everybody who reaches the port. unready returns why this
// process should get no traffic, or nil; notes are what operators should know all the same. It is
// live as long as it answers.
func (m *Metrics) AdminMux(unready func() error, notes func() []string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "live") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := http.StatusOK, "ready"
		if err := unready(); err != nil {
			status, text = http.StatusServiceUnavailable, "not ready: "+err.Error()
		}
		say(w, status, strings.Join(append([]string{text}, notes()...), "\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			_ = problem.MethodNotAllowed.Write(w, "") // anyone who hangs up needs no answer
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_ = problem.NotFound.Write(w, "An admin port serves /livez, /readyz, /metrics, /debug/pprof/ and /admin/v1/.")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a prober that hangs up needs no answer
}

func seconds(d time.Duration) float64 { return d.Seconds() }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
