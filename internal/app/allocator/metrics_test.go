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
	members, store, plans, published := memberHooks(m), storeHooks(m), planHooks(m), upstreamHooks(m, func(o bool) { owed = append(owed, o) })
	members.Joined(sale.Node{})
	members.Left(sale.Node{})
	members.Failed(sale.Node{})
	members.Updated(sale.Node{})
	store.Lost("s", true)
	plans.Planned("s", 7, "tick", 3)
	plans.Leading(true)
	plans.Expired("s", 3)
	plans.Failed("plan", errors.New("away"))
	published.Published(5, 4, time.Millisecond)
	published.Failed(errors.New("nginx"))
	published.InForce(5, 4)
	published.Restored()
	published.LeftOut(2)
	w := httptest.NewRecorder()
	m.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`onsale_membership_events_total{event="joined"} 1`, `onsale_membership_events_total{event="left"} 1`,
		`onsale_membership_events_total{event="failed"} 1`, `onsale_membership_events_total{event="updated"} 1`,
		`onsale_rebalance_sale_lost{sale="s"} 1`, `onsale_rebalance_plans_total{reason="tick",sale="s"} 1`, `onsale_rebalance_leading 1`,
		`onsale_rebalance_expired_holds_total{sale="s"} 3`, `onsale_rebalance_failures_total{operation="plan"} 1`,
		`onsale_upstream_publications_total 1`, `onsale_upstream_publish_seconds_count 1`, `onsale_upstream_failures_total 1`,
		`onsale_upstream_nodes 5`, `onsale_upstream_selling_nodes 4`, `onsale_upstream_restored_publications_total 1`, `onsale_upstream_left_out_nodes 2`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
	if want := []bool{true, false}; !slices.Equal(owed, want) {
		t.Errorf("got owed %v, want %v", owed, want)
	}
}
