package allocator

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

func TestHooksChangeTheirMetrics(t *testing.T) {
	m := telemetry.New()
	var owed []bool
	var is state
	members, store, plans := memberHooks(m), storeHooks(m), planHooks(m, is.setLeads)
	published := upstreamHooks(m, func(o bool) { owed = append(owed, o) }, &is)
	leases := soldOutHooks(m, plans.Expired)
	leases.Leased(6)
	leases.Failed(errors.New("read-only"))
	members.Joined(sale.Node{})
	members.Left(sale.Node{})
	members.Failed(sale.Node{})
	members.Updated(sale.Node{})
	store.Lost("s", true)
	store.Called("plan", 0, time.Millisecond, nil)
	plans.Planned("s", 7, "tick", 3)
	plans.Leading(true)
	plans.Expired("s", 3)
	plans.Failed("plan", errors.New("away"))
	published.Published(5, 4, time.Millisecond)
	published.Failed(errors.New("nginx"))
	published.InForce(5, 4)
	published.StandsBy()
	published.Restored()
	published.LeftOut(2)
	stockGauges(m, func() []sale.Survey {
		open := sale.Sale{ID: "s", Opens: 1000, Closes: 3000}
		return []sale.Survey{
			{Sale: open, Reading: sale.Reading{Sent: time.Now(), At: 1000, Plan: 7}, Counters: sale.Counters{Total: 10, Remaining: 4, Held: 3, Paid: 2}},
			{Sale: sale.Sale{ID: "later", Opens: 1001}, Reading: sale.Reading{Sent: time.Now().Add(time.Hour), At: 1000}},
			// Its last survey is from before its window closed.
			{Sale: sale.Sale{ID: "over", Closes: 2000}, Reading: sale.Reading{Sent: time.Now().Add(-time.Hour), At: 1000}},
		}
	})
	w := httptest.NewRecorder()
	m.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`onsale_membership_events_total{event="joined"} 1`, `onsale_membership_events_total{event="left"} 1`,
		`onsale_membership_events_total{event="failed"} 1`, `onsale_membership_events_total{event="updated"} 1`,
		`onsale_rebalance_sale_lost{sale="s"} 1`, `onsale_rebalance_plans_total{reason="tick",sale="s"} 1`, `onsale_rebalance_leading 1`,
		`onsale_rebalance_expired_holds_total{sale="s"} 3`, `onsale_rebalance_failures_total{operation="plan"} 1`,
		`onsale_soldout_leases 6`, `onsale_soldout_failures_total 1`,
		`onsale_upstream_publications_total 1`, `onsale_upstream_publish_seconds_count 1`, `onsale_upstream_failures_total 1`,
		`onsale_upstream_nodes 5`, `onsale_upstream_selling_nodes 4`, `onsale_upstream_restored_publications_total 1`, `onsale_upstream_left_out_nodes 2`,
		`onsale_rebalance_total_tickets{sale="s"} 10`, `onsale_rebalance_remaining_tickets{sale="s"} 4`,
		`onsale_rebalance_unaccounted_tickets{sale="s"} 1`, `onsale_rebalance_unaccounted_tickets{sale="over"} 0`,
		`onsale_rebalance_plan_generation{sale="s"} 7`, `onsale_rebalance_call_seconds_count{script="plan"} 1`,
		`onsale_rebalance_held_tickets{sale="s"} 3`, `onsale_rebalance_paid_tickets{sale="s"} 2`,
		`onsale_rebalance_sale_open{sale="s"} 1`, `onsale_rebalance_sale_open{sale="later"} 0`, `onsale_rebalance_sale_open{sale="over"} 0`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
	if want := []bool{true, false, false}; !slices.Equal(owed, want) {
		t.Errorf("got owed %v, want %v", owed, want)
	}
	if !is.leads || is.nginx == nil || is.nginx.Since == nil || !is.nginx.Current || is.nginx.Nodes != 5 || is.nginx.Selling != 4 {
		t.Errorf("got %+v and Nginx %+v, want a leader whose Nginx has five nodes", is.leads, is.nginx)
	}
}
