package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// FlagOf registers a gauge that is 1 while is returns true. It is asked at every scrape, so that it can't be out of date.
func (m *Metrics) FlagOf(name, help string, is func() bool) {
	m.register(name, help, "gauge", nil)
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return flag(is()) })
}

// GaugeOf registers a gauge that is asked for at every scrape.
func (m *Metrics) GaugeOf(name, help string, value func() float64) {
	m.register(name, help, "gauge", nil)
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

// Gauge names a gauge of [Metrics.SaleGauges].
type Gauge struct{ Name, Help string }

// SaleGauges registers gauges of sales that are asked for at every scrape, so that no hot path
// maintains them. ask calls report with each sale and its values, in the gauges' order.
func (m *Metrics) SaleGauges(ask func(report func(id sale.ID, values ...float64)), gauges ...Gauge) {
	s := &scraped{ask: ask}
	for _, g := range gauges {
		m.register(g.Name, g.Help, "gauge", []string{"sale"})
		s.descs = append(s.descs, prometheus.NewDesc(g.Name, g.Help, []string{"sale"}, nil))
	}
	m.registry.MustRegister(s)
}

// scraped implements prometheus.Collector.
type scraped struct {
	ask   func(report func(id sale.ID, values ...float64))
	descs []*prometheus.Desc
}

func (s *scraped) Describe(c chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		c <- d
	}
}

func (s *scraped) Collect(c chan<- prometheus.Metric) {
	s.ask(func(id sale.ID, values ...float64) {
		for i, d := range s.descs {
			c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, values[i], string(id))
		}
	})
}
