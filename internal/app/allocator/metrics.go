package allocator

import (
	"time"

	"onsale/internal/app"
	"onsale/internal/membership"
	"onsale/internal/rebalance"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
	"onsale/internal/upstream"
)

// An allocator's metrics, as the hooks of the packages that it wires.

func memberHooks(m *telemetry.Metrics) membership.Hooks {
	events := m.CountBy("onsale_membership_events_total", "What gossip reported of nodes.", "event")
	count := func(event string) func(sale.Node) { return func(sale.Node) { events(event) } }
	return membership.Hooks{Joined: count("joined"), Left: count("left"), Failed: count("failed"), Updated: count("updated")}
}

func storeHooks(m *telemetry.Metrics) remotestock.Hooks {
	return remotestock.Hooks{
		Lost:   m.SaleFlag("onsale_rebalance_sale_lost", "1 while the sale has lost data and is shut until it is reconciled."),
		Looked: app.Looked(m),
	}
}

func planHooks(m *telemetry.Metrics) rebalance.Hooks {
	plans := m.CountBy("onsale_rebalance_plans_total", "Plans written by reason.", "sale", "reason")
	return rebalance.Hooks{
		Planned: func(id sale.ID, _ sale.Generation, r rebalance.Reason, _ int) { plans(string(id), string(r)) },
		Leading: m.Flag("onsale_rebalance_leading", "1 while this allocator holds the lease and plans."),
		Expired: m.SaleSum("onsale_rebalance_expired_holds_total", "Overdue holds that this allocator ended."),
		Failed:  telemetry.Failures[rebalance.Op](m, "onsale_rebalance_failures_total"),
	}
}

// upstreamHooks also call owed: whether the upstream is not what it should be.
func upstreamHooks(m *telemetry.Metrics, owed func(bool)) upstream.Hooks {
	published := m.Count("onsale_upstream_publications_total", "Renderings of Nginx's upstream that are in force.")
	took := m.Seconds("onsale_upstream_publish_seconds", "Time to write, test and reload.")
	nodes := m.Gauge("onsale_upstream_nodes", "Nodes in Nginx's upstream, down ones included.")
	selling := m.Gauge("onsale_upstream_selling_nodes", "Nodes in Nginx's upstream that take buyers.")
	failed := m.Count("onsale_upstream_failures_total", "Renderings that could not be put in force; they are tried again.")
	leftOut := m.Gauge("onsale_upstream_left_out_nodes", "Nodes that Nginx's upstream can't name, or has no room for.")
	return upstream.Hooks{
		Published: func(_, _ int, d time.Duration) {
			published()
			took(d)
		},
		InForce: func(all, sell int) {
			owed(false)
			nodes(float64(all))
			selling(float64(sell))
		},
		Failed: func(error) {
			owed(true)
			failed()
		},
		Restored: m.Count("onsale_upstream_restored_publications_total", "Times that the upstream's file had been changed by another hand and was replaced."),
		LeftOut:  func(n int) { leftOut(float64(n)) },
	}
}
