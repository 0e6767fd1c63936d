package telemetry

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cells are numbers that every request raises. Each processor has a row of its own, and a scrape adds them up: where
// two processors raise one number in turn, its cache line travels, which took three times as long as all the rest of
// an answer's metrics.
type cells struct{ rows [][]atomic.Uint64 }

// line is how many numbers share what processors fetch from each other's memory at once, two lines of 64 bytes.
const line = 16

func newCells(n int) cells {
	c := cells{make([][]atomic.Uint64, 1<<bits.Len(uint(runtime.NumCPU()-1)))}
	for i := range c.rows {
		c.rows[i] = make([]atomic.Uint64, (n+line-1)/line*line)
	}
	return c
}

// row is that of this processor, nearly always. It is not its alone: the goroutine may be moved at any moment.
func (c cells) row() []atomic.Uint64 { return c.rows[processor()&uint32(len(c.rows)-1)] }

func (c cells) sum(i int) (sum uint64) {
	for _, row := range c.rows {
		sum += row[i].Load()
	}
	return sum
}

// processors holds a number for each of the runtime's processors, because a pool keeps what was put back for the one
// that did so. It may lose them to the garbage collector, and makes others.
var (
	processors = sync.Pool{New: func() any {
		number := numbered.Add(1)
		return &number
	}}
	numbered atomic.Uint32
)

func processor() uint32 {
	p := processors.Get().(*uint32)
	number := *p
	processors.Put(p)
	return number
}

// counters are counts by labels, of which all values are known.
type counters struct {
	cells  cells
	desc   *prometheus.Desc
	labels [][]string // of each count
}

func (m *Metrics) counters(name, help string, labels []string, values [][]string) *counters {
	m.register(name, help, "counter", labels)
	c := &counters{newCells(len(values)), prometheus.NewDesc(name, help, labels, nil), values}
	m.registry.MustRegister(c)
	return c
}

func (c *counters) add(i int) { c.cells.row()[i].Add(1) }

// Describe implements prometheus.Collector.
func (c *counters) Describe(d chan<- *prometheus.Desc) { d <- c.desc }

// Collect implements prometheus.Collector.
func (c *counters) Collect(metrics chan<- prometheus.Metric) {
	for i, labels := range c.labels {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.cells.sum(i)), labels...)
	}
}

// timers are histograms of times by labels, of which all values are known. A row has for each of them the counts of
// its buckets, the last of which has no upper bound, and the sum in nanoseconds.
type timers struct {
	cells  cells
	desc   *prometheus.Desc
	labels [][]string
}

const timer = len(latencies) + 2 // numbers of one histogram

func (m *Metrics) timers(name, help string, labels []string, values [][]string) *timers {
	m.register(name, help, "histogram", labels)
	t := &timers{newCells(timer * len(values)), prometheus.NewDesc(name, help, labels, nil), values}
	m.registry.MustRegister(t)
	return t
}

func (t *timers) add(i int, took time.Duration) {
	took = max(took, 0)
	bucket := 0
	for bucket < len(latencies) && took > latencies[bucket] {
		bucket++
	}
	row := t.cells.row()
	row[i*timer+bucket].Add(1)
	row[i*timer+timer-1].Add(uint64(took))
}

// Describe implements prometheus.Collector.
func (t *timers) Describe(d chan<- *prometheus.Desc) { d <- t.desc }

// Collect implements prometheus.Collector. What is counted meanwhile may be in a bucket and not yet in the sum.
func (t *timers) Collect(metrics chan<- prometheus.Metric) {
	for i, labels := range t.labels {
		count, buckets := uint64(0), make(map[float64]uint64, len(latencies))
		for bucket, upTo := range latencies {
			count += t.cells.sum(i*timer + bucket)
			buckets[upTo.Seconds()] = count
		}
		count += t.cells.sum(i*timer + len(latencies))
		sum := time.Duration(t.cells.sum(i*timer + timer - 1)).Seconds()
		metrics <- prometheus.MustNewConstHistogram(t.desc, count, sum, buckets, labels...)
	}
}
