package telemetry

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// Metric is one that is registered.
type Metric struct {
	Name, Help string
	Kind       string // counter, gauge or histogram
	Labels     []string
}

// Registered are all metrics of the process, but for the runtime's, by their names.
func (m *Metrics) Registered() []Metric {
	return slices.SortedFunc(slices.Values(m.registered), func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
}

// What follows registers a metric each, and returns the function that changes it: a hook, or a
// part of one. The metric has no other name in the program.

// Count counts one more at each call.
func (m *Metrics) Count(name, help string) func() {
	count := m.counter(name, help).WithLabelValues()
	return count.Inc
}

// Sum adds up.
func (m *Metrics) Sum(name, help string) func(n int) {
	sum := m.counter(name, help).WithLabelValues()
	return func(n int) { sum.Add(float64(n)) }
}

// CountBy counts by labels. Their values come from closed sets, or name a sale or a script.
func (m *Metrics) CountBy(name, help string, labels ...string) func(values ...string) {
	counts := m.counter(name, help, labels...)
	return func(values ...string) { counts.WithLabelValues(values...).Inc() }
}

// CountEach counts by the values of a closed set, of which there are so many. All of them are
// there from the start, and none costs a search.
func CountEach[Value interface {
	~uint8
	String() string
}](m *Metrics, name, help, label string, values int) func(Value) {
	counts := m.counter(name, help, label)
	each := make([]prometheus.Counter, values)
	for i := range each {
		each[i] = counts.WithLabelValues(Value(i).String())
	}
	return func(v Value) { each[v].Inc() }
}

// Failures counts failed calls by operation.
func Failures[Op ~string](m *Metrics, name string) func(Op, error) {
	counts := m.counter(name, "Failed calls by operation.", "operation")
	return func(op Op, _ error) { counts.WithLabelValues(string(op)).Inc() }
}

// SaleCount counts by sale.
func (m *Metrics) SaleCount(name, help string) func(sale.ID) {
	counts := m.counter(name, help, "sale")
	return func(id sale.ID) { counts.WithLabelValues(string(id)).Inc() }
}

// SaleSum adds up by sale.
func (m *Metrics) SaleSum(name, help string) func(id sale.ID, n int) {
	sums := m.counter(name, help, "sale")
	return func(id sale.ID, n int) { sums.WithLabelValues(string(id)).Add(float64(n)) }
}

// Gauge is the last value.
func (m *Metrics) Gauge(name, help string) func(float64) {
	return m.gauge(name, help).WithLabelValues().Set
}

// Flag is 1 while the last value is true. Where it can be asked for, FlagOf is never out of date.
func (m *Metrics) Flag(name, help string) func(bool) {
	gauge := m.gauge(name, help).WithLabelValues()
	return func(on bool) { gauge.Set(flag(on)) }
}

// FlagBy is a flag by a label.
func (m *Metrics) FlagBy(name, help, label string) func(value string, on bool) {
	gauges := m.gauge(name, help, label)
	return func(value string, on bool) { gauges.WithLabelValues(value).Set(flag(on)) }
}

// SaleGauge is the last value of each sale.
func (m *Metrics) SaleGauge(name, help string) func(id sale.ID, value float64) {
	gauges := m.gauge(name, help, "sale")
	return func(id sale.ID, value float64) { gauges.WithLabelValues(string(id)).Set(value) }
}

// SaleFlag is a flag of each sale.
func (m *Metrics) SaleFlag(name, help string) func(id sale.ID, on bool) {
	gauges := m.gauge(name, help, "sale")
	return func(id sale.ID, on bool) { gauges.WithLabelValues(string(id)).Set(flag(on)) }
}

// Seconds is a histogram of times.
func (m *Metrics) Seconds(name, help string) func(time.Duration) {
	observe := m.histogram(name, help).WithLabelValues().Observe
	return func(took time.Duration) { observe(took.Seconds()) }
}

// SecondsBy is a histogram of times by a label.
func (m *Metrics) SecondsBy(name, help, label string) func(value string, took time.Duration) {
	histograms := m.histogram(name, help, label)
	return func(value string, took time.Duration) { histograms.WithLabelValues(value).Observe(took.Seconds()) }
}

// latencies reach from a local answer to Nginx's patience.
var latencies = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	m.register(name, help, "counter", labels)
	return m.factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	m.register(name, help, "gauge", labels)
	return m.factory.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	m.register(name, help, "histogram", labels)
	return m.factory.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies}, labels)
}

func (m *Metrics) register(name, help, kind string, labels []string) {
	m.registered = append(m.registered, Metric{name, help, kind, labels})
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
