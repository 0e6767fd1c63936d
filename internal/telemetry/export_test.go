package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Registry is for tests.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }
