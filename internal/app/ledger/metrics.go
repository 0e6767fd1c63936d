package ledger

import (
	"time"

	"onsale/internal/ledger"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// hooks are the ledger's, all of which are metrics.
func hooks(m *telemetry.Metrics) ledger.Hooks {
	entries := m.SaleGauge("onsale_ledger_lag_entries", "Entries of the sale's stream that are not in PostgreSQL yet, no matter which ledger reads it.")
	age := m.SaleGauge("onsale_ledger_lag_seconds", "How long the oldest of them has waited.")
	committed := m.SaleSum("onsale_ledger_entries_total", "Entries committed to PostgreSQL by this ledger.")
	orders := m.SaleSum("onsale_ledger_orders_total", "Orders in them, each as often as it changed.")
	commit := m.Seconds("onsale_ledger_commit_seconds", "Time of one transaction.")
	return ledger.Hooks{
		Lag: func(id sale.ID, n int64, waited time.Duration) {
			entries(id, float64(n))
			age(id, waited.Seconds())
		},
		Reading: m.SaleFlag("onsale_ledger_reading", "1 while this ledger reads the sale's stream."),
		Committed: func(id sale.ID, n, changed int, took time.Duration) {
			committed(id, n)
			orders(id, changed)
			commit(took)
		},
		Lost:       m.SaleFlag("onsale_ledger_sale_lost", "1 while the sale has lost data and is shut until it is reconciled."),
		Stalled:    m.SaleFlag("onsale_ledger_stalled", "1 while nothing of what waits in the sale's stream is recorded, whatever the reason."),
		Dropped:    m.Forget,
		Failed:     telemetry.Failures[ledger.Op](m, "onsale_ledger_failures_total"),
		Unreadable: m.SaleSum("onsale_ledger_unreadable_entries_total", "Entries that could not be read and were quarantined in PostgreSQL."),
	}
}
