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

// value is of a closed set, numbered from 0.
type value interface {
	~uint8
	String() string
}

// CountEach counts by the values of a closed set, of which there are so many. All of them are
// there from the start, and none costs a search. It is for what every request does.
func CountEach[Value value](m *Metrics, name, help, label string, values int) func(Value) {
	all := make([][]string, values)
	for i := range all {
		all[i] = []string{Value(i).String()}
	}
	counts := m.counters(name, help, []string{label}, all)
	return func(v Value) { counts.add(int(v)) }
}

// CountPairs is CountEach by the values of two closed sets.
func CountPairs[A, B value](m *Metrics, name, help string, labels [2]string, as, bs int) func(A, B) {
	counts := m.counters(name, help, labels[:], pairs[A, B](as, bs))
	return func(a A, b B) { counts.add(int(a)*bs + int(b)) }
}

// CountedPairs is CountPairs, and returns as well what reads a count.
func CountedPairs[A, B value](m *Metrics, name, help string, labels [2]string, as, bs int) (add func(A, B), read func(A, B) int64) {
	counts := m.counters(name, help, labels[:], pairs[A, B](as, bs))
	return func(a A, b B) { counts.add(int(a)*bs + int(b)) }, func(a A, b B) int64 { return int64(counts.cells.sum(int(a)*bs + int(b))) }
}

// SecondsPairs is a histogram of times by the values of two closed sets.
func SecondsPairs[A, B value](m *Metrics, name, help string, labels [2]string, as, bs int) func(A, B, time.Duration) {
	times := m.timers(name, help, labels[:], pairs[A, B](as, bs))
	return func(a A, b B, took time.Duration) { times.add(int(a)*bs+int(b), took) }
}

// pairs are the labels of each pair of values, in a row of bs for each a.
func pairs[A, B value](as, bs int) [][]string {
	all := make([][]string, 0, as*bs)
	for a := range as {
		for b := range bs {
			all = append(all, []string{A(a).String(), B(b).String()})
		}
	}
	return all
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

// SaleFlag is a flag of each sale for which it is 1. A sale for which it is 0 has no line: it may be
// archived, and a site has thousands.
func (m *Metrics) SaleFlag(name, help string) func(id sale.ID, on bool) {
	gauges := m.gauge(name, help, "sale")
	return func(id sale.ID, on bool) {
		if on {
			gauges.WithLabelValues(string(id)).Set(1)
		} else {
			gauges.DeleteLabelValues(string(id))
		}
	}
}

// Seconds is a histogram of times. It is for what every request does, too.
func (m *Metrics) Seconds(name, help string) func(time.Duration) {
	times := m.timers(name, help, nil, [][]string{nil})
	return func(took time.Duration) { times.add(0, took) }
}

// SecondsBy is a histogram of times by a label.
func (m *Metrics) SecondsBy(name, help, label string) func(value string, took time.Duration) {
	buckets := make([]float64, len(latencies))
	for i, upTo := range latencies {
		buckets[i] = upTo.Seconds()
	}
	histograms := m.histogram(name, help, buckets, label)
	return func(value string, took time.Duration) { histograms.WithLabelValues(value).Observe(took.Seconds()) }
}

// Sizes is a histogram of how many there were.
func (m *Metrics) Sizes(name, help string) func(n int) {
	observe := m.histogram(name, help, sizes).WithLabelValues().Observe
	return func(n int) { observe(float64(n)) }
}

// sizes reach from one to as many claims as a call can carry.
var sizes = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000}

// latencies reach from a local answer to Nginx's patience.
var latencies = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
}

// forgetful is a metric that can drop its lines.
type forgetful interface {
	DeletePartialMatch(prometheus.Labels) int
}

// Forget drops every line of a sale that is archived. A site archives thousands, and a process
// would show all of them until it ends.
func (m *Metrics) Forget(id sale.ID) {
	for _, metric := range m.ofSales {
		metric.DeletePartialMatch(prometheus.Labels{"sale": string(id)})
	}
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	m.register(name, help, "counter", labels)
	return kept(m, m.factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels), labels)
}

// kept keeps a metric of sales for [Metrics.Forget].
func kept[Vec forgetful](m *Metrics, v Vec, labels []string) Vec {
	if slices.Contains(labels, "sale") {
		m.ofSales = append(m.ofSales, v)
	}
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	m.register(name, help, "gauge", labels)
	return kept(m, m.factory.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels), labels)
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	m.register(name, help, "histogram", labels)
	return m.factory.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
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
