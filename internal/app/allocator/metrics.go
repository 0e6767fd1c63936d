package allocator

import (
	"time"

	"onsale/internal/app"
	"onsale/internal/membership"
	"onsale/internal/rebalance"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/soldout"
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
	took := m.SecondsBy("onsale_rebalance_call_seconds", "Time of one script call of this allocator's.", "script")
	return remotestock.Hooks{
		Called: func(script string, _ int, d time.Duration, _ error) { took(script, d) },
		Lost:   m.SaleFlag("onsale_rebalance_sale_lost", "1 while the sale has lost data and is shut until it is reconciled."),
		Looked: app.Looked(m),
	}
}

// planHooks also call leads when this allocator begins or ceases to lead.
func planHooks(m *telemetry.Metrics, leads func(bool)) rebalance.Hooks {
	leading := m.Flag("onsale_rebalance_leading", "1 while this allocator holds the lease and plans.")
	plans := m.CountBy("onsale_rebalance_plans_total", "Plans written by reason.", "sale", "reason")
	return rebalance.Hooks{
		Planned: func(id sale.ID, _ sale.Generation, r rebalance.Reason, _ int) { plans(string(id), string(r)) },
		Leading: func(on bool) {
			leading(on)
			leads(on)
		},
		Expired: m.SaleSum("onsale_rebalance_expired_holds_total", "Overdue holds that this allocator ended."),
		Dropped: m.Forget,
		Failed:  telemetry.Failures[rebalance.Op](m, "onsale_rebalance_failures_total"),
	}
}

// traced are hooks that have each plan recorded in traces, too, if there is a collector.
func (a *Allocator) traced(hooks rebalance.Hooks) rebalance.Hooks {
	if record := a.tracer.Plan(); record != nil {
		hooks.Traced = func(id sale.ID, reason rebalance.Reason, nodes int, since time.Time) func(sale.Generation, error) {
			return record(id, string(reason), nodes, since)
		}
	}
	return hooks
}

// stockGauges show what the surveys of planning have read, at no further cost to Redis. All
// counters of a sale are of one instant, so that they can be added up.
func stockGauges(m *telemetry.Metrics, surveys func() []sale.Survey) {
	m.SaleGauges(func(report func(sale.ID, ...float64)) {
		for _, v := range surveys() {
			c, open := v.Counters, 0.0
			if v.Sale.WindowAt(v.Reading.At.Add(time.Since(v.Reading.Sent))) == sale.PhaseOnSale {
				open = 1
			}
			report(v.Sale.ID, float64(c.Total), float64(c.Remaining), float64(c.Held), float64(c.Paid),
				float64(c.Total-c.Remaining-c.Held-c.Paid), float64(v.Reading.Plan), open)
		}
	},
		telemetry.Gauge{Name: "onsale_rebalance_total_tickets", Help: "Tickets of the sale in all."},
		telemetry.Gauge{Name: "onsale_rebalance_remaining_tickets", Help: "Tickets left in Redis, also those that nodes have a share of."},
		telemetry.Gauge{Name: "onsale_rebalance_held_tickets", Help: "Tickets of holds that wait for payment."},
		telemetry.Gauge{Name: "onsale_rebalance_paid_tickets", Help: "Tickets of paid orders."},
		telemetry.Gauge{Name: "onsale_rebalance_unaccounted_tickets", Help: "Total less what remains, is held and is paid: 0, or Redis's records are broken."},
		telemetry.Gauge{Name: "onsale_rebalance_plan_generation", Help: "Number of the sale's plan in Redis."},
		telemetry.Gauge{Name: "onsale_rebalance_sale_open", Help: "1 while the sale's window is open and no operator has closed it."})
}

// soldOutHooks also call expired for the overdue holds that were ended.
func soldOutHooks(m *telemetry.Metrics, expired func(sale.ID, int)) soldout.Hooks {
	leases := m.Gauge("onsale_soldout_leases", "Sales that Nginx answers \"sold out\" of by itself, without a node.")
	failed := m.Count("onsale_soldout_failures_total", "Looks at sold-out sales that failed, or could not be written beside Nginx; nodes answer meanwhile.")
	return soldout.Hooks{Leased: func(sales int) { leases(float64(sales)) }, Expired: expired, Failed: func(error) { failed() }}
}

// upstreamHooks also call owed: whether the upstream is not what it should be. They keep it in the allocator's state, too.
func upstreamHooks(m *telemetry.Metrics, owed func(bool), of *state) upstream.Hooks {
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
			of.published(time.Now().UTC())
		},
		InForce: func(all, sell int) {
			owed(false)
			nodes(float64(all))
			selling(float64(sell))
			of.inForce(all, sell)
		},
		Failed: func(error) {
			owed(true)
			failed()
			of.owed()
		},
		StandsBy: func() { owed(false) },
		Restored: m.Count("onsale_upstream_restored_publications_total", "Times that the upstream's file had been changed by another hand and was replaced."),
		LeftOut:  func(n int) { leftOut(float64(n)) },
	}
}
