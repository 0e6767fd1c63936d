// Package telemetry makes the hooks that turn what happens into Prometheus metrics, and
// serves these with health on the admin port. It knows none of the packages whose hooks they
// are: a program's wiring puts each hook in its place. So a metric is named where it is
// registered, and in docs/metrics.md, which is made from that.
//
// Names are onsale_<part>_<what>_<unit>[_total]; the unit is what is counted or
// measured, and a flag, 1 or 0, has none. Labels come from closed sets, or name
// a sale or a script; never a buyer or an order.
package telemetry

import (
	"net/http"
	"strings"

	"onsale/internal/problem"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is one process's registry.
type Metrics struct {
	registry   *prometheus.Registry
	factory    promauto.Factory
	registered []Metric
	ofSales    []forgetful
}

// New makes a registry with the Go runtime's and the process's own metrics.
func New() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Metrics{registry: r, factory: promauto.With(r)}
}

// AdminMux serves health and metrics, to everybody who reaches the port. unready returns why this
// process should get no traffic, or nil; notes are what operators should know all the same. It is
// live as long as it answers.
func (m *Metrics) AdminMux(unready func() error, notes func() []string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, "live") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := http.StatusOK, "ready"
		if err := unready(); err != nil {
			status, text = http.StatusServiceUnavailable, "not ready: "+err.Error()
		}
		reply(w, status, strings.Join(append([]string{text}, notes()...), "\n"))
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

func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a prober that hangs up needs no answer
}
