package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Redis is what every program measures of the Redis servers that it uses.
type Redis struct {
	unsafe *prometheus.GaugeVec
	used   prometheus.Gauge
	full   prometheus.Gauge
	step   prometheus.Gauge
}

// NewRedis registers these metrics.
func (m *Metrics) NewRedis() *Redis {
	return &Redis{
		unsafe: m.factory.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_remotestock_unsafe_setting",
			Help: "1 while a master has this setting so that it may lose what it acknowledged."}, []string{"setting"}),
		used: m.factory.NewGauge(prometheus.GaugeOpts{Name: "onsale_remotestock_memory_used_ratio",
			Help: "Share of maxmemory that the fullest master uses; 0 without a limit."}),
		full: m.factory.NewGauge(prometheus.GaugeOpts{Name: "onsale_remotestock_memory_full",
			Help: "1 while Redis's memory is full and new holds are refused."}),
		step: m.factory.NewGauge(prometheus.GaugeOpts{Name: "onsale_remotestock_clock_step_seconds",
			Help: "By how much Redis's clock was set since this program knows it; 0 while it goes on as it did."}),
	}
}

// Unsafe follows whether a setting is wrong.
func (r *Redis) Unsafe(setting string, wrong bool) {
	r.unsafe.WithLabelValues(setting).Set(flag(wrong))
}

// Stepped follows by how much Redis's clock was set.
func (r *Redis) Stepped(step time.Duration) { r.step.Set(step.Seconds()) }

// Memory follows how full Redis is.
func (r *Redis) Memory(used float64, full bool) {
	r.used.Set(used)
	r.full.Set(flag(full))
}
