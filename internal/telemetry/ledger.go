package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Ledger is what a ledger measures.
type Ledger struct {
	lost       *prometheus.GaugeVec
	stalled    *prometheus.GaugeVec
	entries    *prometheus.GaugeVec
	age        *prometheus.GaugeVec
	reading    *prometheus.GaugeVec
	committed  *prometheus.CounterVec
	orders     *prometheus.CounterVec
	commit     prometheus.Histogram
	failures   *prometheus.CounterVec
	unreadable *prometheus.CounterVec
}

// NewLedger registers a ledger's metrics.
func (m *Metrics) NewLedger() *Ledger {
	f := m.factory
	return &Ledger{
		lost: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_ledger_sale_lost",
			Help: "1 while the sale has lost data and is shut until it is reconciled."}, []string{"sale"}),
		stalled: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_ledger_stalled",
			Help: "1 while nothing of what waits in the sale's stream is recorded, whatever the reason."}, []string{"sale"}),
		entries: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_ledger_lag_entries",
			Help: "Entries of the sale's stream that are not in PostgreSQL yet, no matter which ledger reads it."}, []string{"sale"}),
		age: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_ledger_lag_seconds",
			Help: "How long the oldest of them has waited."}, []string{"sale"}),
		reading: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_ledger_reading",
			Help: "1 while this ledger reads the sale's stream."}, []string{"sale"}),
		committed: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_ledger_entries_total",
			Help: "Entries committed to PostgreSQL by this ledger."}, []string{"sale"}),
		orders: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_ledger_orders_total",
			Help: "Orders in them, each as often as it changed."}, []string{"sale"}),
		commit: f.NewHistogram(prometheus.HistogramOpts{Name: "onsale_ledger_commit_seconds",
			Help: "Time of one transaction.", Buckets: latencies}),
		failures: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_ledger_failures_total",
			Help: "Failed calls by operation."}, []string{"operation"}),
		unreadable: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_ledger_unreadable_entries_total",
			Help: "Entries that could not be read and were quarantined in PostgreSQL."}, []string{"sale"}),
	}
}

// Lag records what waits in a sale's stream, and for how long the oldest has.
func (l *Ledger) Lag(sale string, entries int64, age time.Duration) {
	l.entries.WithLabelValues(sale).Set(float64(entries))
	l.age.WithLabelValues(sale).Set(seconds(age))
}

// Stalled follows whether a sale makes no progress.
func (l *Ledger) Stalled(sale string, stalled bool) {
	l.stalled.WithLabelValues(sale).Set(flag(stalled))
}

// Reading follows who reads a sale.
func (l *Ledger) Reading(sale string, reading bool) {
	l.reading.WithLabelValues(sale).Set(flag(reading))
}

// Committed counts a transaction.
func (l *Ledger) Committed(sale string, entries, orders int, took time.Duration) {
	l.committed.WithLabelValues(sale).Add(float64(entries))
	l.orders.WithLabelValues(sale).Add(float64(orders))
	l.commit.Observe(seconds(took))
}

// Failed counts a failed call.
func (l *Ledger) Failed(operation string) { l.failures.WithLabelValues(operation).Inc() }

// Unreadable counts entries quarantined.
func (l *Ledger) Unreadable(sale string, entries int) {
	l.unreadable.WithLabelValues(sale).Add(float64(entries))
}

// Lost follows whether a sale has lost data.
func (l *Ledger) Lost(sale string, lost bool) { l.lost.WithLabelValues(sale).Set(flag(lost)) }
