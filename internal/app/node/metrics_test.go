package node

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

func TestHooksChangeTheirMetrics(t *testing.T) {
	m := telemetry.New()
	store, local := storeHooks(m), localHooks(m)("s")
	buyers, _ := buyerHooks(m)
	buyers.Answered(buyerapi.PlaceOrder, buyerapi.SoldOut, time.Now().Add(-time.Millisecond))
	buyers.Orphan()
	buyers.Disputed()
	buyers.Disputed()
	store.Called("deduct", 3, time.Millisecond, nil)
	store.Called("deduct", 3, time.Second, errors.New("away"))
	store.Called("survey", 0, time.Millisecond, nil)
	store.Queued(time.Millisecond)
	store.Decided(sale.Held)
	store.Resent(2)
	store.Lost("s", true)
	store.Looked(remotestock.Condition{Memory: remotestock.MemoryFull, Used: 0.5, Step: time.Second})
	local.Buffered()
	local.Adopted(sale.Allotment{})
	local.Refilled(sale.Grant{Result: sale.Granted, Tickets: 1}, nil)
	local.Refilled(sale.Grant{Result: sale.GrantSoldOut}, nil)
	local.Refilled(sale.Grant{}, errors.New("away"))
	w := httptest.NewRecorder()
	m.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`onsale_buyerapi_answers_total{code="sold-out",endpoint="place-order"} 1`, `onsale_buyerapi_answers_total{code="ok",endpoint="show-sale"} 0`,
		`onsale_buyerapi_answer_seconds_bucket{endpoint="place-order",outcome="refused",le="0.0005"} 0`, `onsale_buyerapi_answer_seconds_count{endpoint="place-order",outcome="refused"} 1`,
		`onsale_remotestock_batch_claims_count 2`, `onsale_remotestock_batch_claims_sum 6`, `onsale_remotestock_queue_seconds_sum 0.001`,
		`onsale_buyerapi_orphan_payments_total 1`, `onsale_buyerapi_disputed_payments_total 2`,
		`onsale_remotestock_calls_total{result="ok",script="deduct"} 1`, `onsale_remotestock_calls_total{result="error",script="deduct"} 1`,
		`onsale_remotestock_call_seconds_sum{script="deduct"} 1.001`,
		`onsale_remotestock_claims_total{outcome="held"} 1`, `onsale_remotestock_claims_total{outcome="sold-out"} 0`,
		`onsale_remotestock_resent_claims_total 2`, `onsale_remotestock_sale_lost{sale="s"} 1`,
		`onsale_remotestock_memory_used_ratio 0.5`, `onsale_remotestock_memory_full 1`, `onsale_remotestock_clock_step_seconds 1`,
		`onsale_localstock_touched_buffers_total{sale="s"} 1`, `onsale_localstock_adopted_plans_total{sale="s"} 1`,
		`onsale_localstock_refills_total{result="granted",sale="s"} 1`, `onsale_localstock_refills_total{result="sold-out",sale="s"} 1`,
		`onsale_localstock_refills_total{result="error",sale="s"} 1`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
}

func TestASwitchedNodeCountsWhileItIsOn(t *testing.T) {
	on := false
	answers := 0
	n := &Node{metrics: telemetry.New(), on: Switches{Metrics: func() bool { return on }, Answered: func() { answers++ }}}
	store, _, buyers := n.hooks()
	for _, on = range []bool{false, true} {
		buyers.Answered(buyerapi.PlaceOrder, buyerapi.SoldOut, time.Now())
		store.Called("deduct", 3, time.Millisecond, nil)
		store.Queued(time.Millisecond)
		store.Decided(sale.Held)
	}
	if answers != 2 {
		t.Errorf("got %d answers noticed, want both", answers)
	}
	w := httptest.NewRecorder()
	n.metrics.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`onsale_buyerapi_answers_total{code="sold-out",endpoint="place-order"} 1`, `onsale_buyerapi_answer_seconds_count{endpoint="place-order",outcome="refused"} 1`,
		`onsale_remotestock_calls_total{result="ok",script="deduct"} 1`, `onsale_remotestock_queue_seconds_count 1`, `onsale_remotestock_claims_total{outcome="held"} 1`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
}
