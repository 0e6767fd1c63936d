package app

import (
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// Looked reports how Redis is configured, how full it is, and whether its clock was set.
func Looked(m *telemetry.Metrics) func(remotestock.Condition) {
	unsafe := m.FlagBy("onsale_remotestock_unsafe_setting", "1 while a master has this setting so that it may lose what it acknowledged.", "setting")
	used := m.Gauge("onsale_remotestock_memory_used_ratio", "Share of maxmemory that the fullest master uses; 0 without a limit.")
	full := m.Flag("onsale_remotestock_memory_full", "1 while Redis's memory is full and new holds are refused.")
	step := m.Gauge("onsale_remotestock_clock_step_seconds", "By how much Redis's clock was set since this program knows it; 0 while it goes on as it did.")
	return func(c remotestock.Condition) {
		for _, setting := range remotestock.Settings {
			unsafe(string(setting), c.Faults[setting] != "")
		}
		used(c.Used)
		full(c.Memory == remotestock.MemoryFull)
		step(c.Step.Seconds())
	}
}

// Known reports how many nodes gossip knows that sell.
func Known(m *telemetry.Metrics, view func() sale.View) {
	m.GaugeOf("onsale_membership_known_nodes", "Selling nodes that this member knows by gossip. Members that show different numbers do not reach each other.",
		func() float64 { return float64(len(view().Selling())) })
}
