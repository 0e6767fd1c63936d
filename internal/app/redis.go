package app

import (
	"onsale/internal/remotestock"
	"onsale/internal/telemetry"
)

// Looked reports how Redis is configured, how full it is, and whether its clock was set.
func Looked(m *telemetry.Metrics) func(remotestock.Condition) {
	meters := m.NewRedis()
	return func(c remotestock.Condition) {
		for _, setting := range remotestock.Settings {
			meters.Unsafe(string(setting), c.Faults[setting] != "")
		}
		meters.Memory(c.Used, c.Memory == remotestock.MemoryFull)
		meters.Stepped(c.Step)
	}
}
