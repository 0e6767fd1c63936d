package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Allocator is what an allocator measures.
type Allocator struct {
	lost      *prometheus.GaugeVec
	leading   prometheus.Gauge
	plans     *prometheus.CounterVec
	expired   *prometheus.CounterVec
	failures  *prometheus.CounterVec
	published prometheus.Counter
	publish   prometheus.Histogram
	unpublish prometheus.Counter
	restored  prometheus.Counter
	leftOut   prometheus.Gauge
	members   *prometheus.CounterVec
	nodes     prometheus.Gauge
	selling   prometheus.Gauge
}

// NewAllocator registers an allocator's metrics.
func (m *Metrics) NewAllocator() *Allocator {
	f := m.factory
	return &Allocator{
		lost: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_rebalance_sale_lost",
			Help: "1 while the sale has lost data and is shut until it is reconciled."}, []string{"sale"}),
		leading: f.NewGauge(prometheus.GaugeOpts{Name: "onsale_rebalance_leading",
			Help: "1 while this allocator holds the lease and plans."}),
		plans: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_rebalance_plans_total",
			Help: "Plans written by reason."}, []string{"sale", "reason"}),
		expired: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_rebalance_expired_holds_total",
			Help: "Overdue holds that this allocator ended."}, []string{"sale"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_rebalance_failures_total",
			Help: "Failed calls by operation."}, []string{"operation"}),
		published: f.NewCounter(prometheus.CounterOpts{Name: "onsale_upstream_publications_total",
			Help: "Renderings of Nginx's upstream that are in force."}),
		publish: f.NewHistogram(prometheus.HistogramOpts{Name: "onsale_upstream_publish_seconds",
			Help: "Time to write, test and reload.", Buckets: latencies}),
		unpublish: f.NewCounter(prometheus.CounterOpts{Name: "onsale_upstream_failures_total",
			Help: "Renderings that could not be put in force; they are tried again."}),
		restored: f.NewCounter(prometheus.CounterOpts{Name: "onsale_upstream_restored_publications_total",
			Help: "Times that the upstream's file had been changed by another hand and was replaced."}),
		leftOut: f.NewGauge(prometheus.GaugeOpts{Name: "onsale_upstream_left_out_nodes",
			Help: "Nodes that Nginx's upstream can't name, or has no room for."}),
		members: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_membership_events_total",
			Help: "What gossip reported of nodes."}, []string{"event"}),
		nodes: f.NewGauge(prometheus.GaugeOpts{Name: "onsale_upstream_nodes",
			Help: "Nodes in Nginx's upstream, down ones included."}),
		selling: f.NewGauge(prometheus.GaugeOpts{Name: "onsale_upstream_selling_nodes",
			Help: "Nodes in Nginx's upstream that take buyers."}),
	}
}

// Leading follows the lease.
func (a *Allocator) Leading(leading bool) { a.leading.Set(flag(leading)) }

// Planned counts a plan by its reason.
func (a *Allocator) Planned(sale, reason string) { a.plans.WithLabelValues(sale, reason).Inc() }

// Expired counts overdue holds ended.
func (a *Allocator) Expired(sale string, holds int) {
	a.expired.WithLabelValues(sale).Add(float64(holds))
}

// Failed counts a failed call.
func (a *Allocator) Failed(operation string) { a.failures.WithLabelValues(operation).Inc() }

// Published records that an upstream was put in force.
func (a *Allocator) Published(took time.Duration) {
	a.published.Inc()
	a.publish.Observe(seconds(took))
}

// InForce follows the upstream in force.
func (a *Allocator) InForce(nodes, selling int) {
	a.nodes.Set(float64(nodes))
	a.selling.Set(float64(selling))
}

// Unpublished counts a failed publication.
func (a *Allocator) Unpublished() { a.unpublish.Inc() }

// Restored counts changes of the upstream's file by another hand.
func (a *Allocator) Restored() { a.restored.Inc() }

// LeftOut is how many nodes are not in the upstream though they are members.
func (a *Allocator) LeftOut(nodes int) { a.leftOut.Set(float64(nodes)) }

// Member counts what gossip reported: joined, left, failed or updated.
func (a *Allocator) Member(event string) { a.members.WithLabelValues(event).Inc() }

// Lost follows whether a sale has lost data.
func (a *Allocator) Lost(sale string, lost bool) { a.lost.WithLabelValues(sale).Set(flag(lost)) }
