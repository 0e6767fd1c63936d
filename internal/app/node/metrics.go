package node

import (
	"time"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/buyerapi"
	"onsale/internal/localstock"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// A node's metrics, as the hooks of the packages that it wires.

// Switches are asked whether a node measures what it does just now; nil: it does. They are for measuring what that
// costs within one process: two that do the same differ by more.
type Switches struct {
	Metrics func() bool // of answers, claims and script calls
	Traces  func() bool // of purchases
	// Answered is called once for each answer, whether it is measured or not.
	Answered func()
}

// NewSwitched is New for a node whose measuring can be switched.
func NewSwitched(config Config, log *zap.Logger, on Switches) (*Node, error) {
	return newNode(config, log, on)
}

// purchases traces purchases, where any are.
func (n *Node) purchases() func(id sale.ID, parent string) (*sale.Trace, func(code string, status int, request string)) {
	trace := n.tracer.Purchase()
	if trace == nil || n.on.Traces == nil {
		return trace
	}
	return func(id sale.ID, parent string) (*sale.Trace, func(string, int, string)) {
		if !n.on.Traces() {
			return nil, nil
		}
		return trace(id, parent)
	}
}

// Metrics are what the node measures.
func (n *Node) Metrics() []telemetry.Metric { return n.metrics.Registered() }

// hooks are those that change metrics.
func (n *Node) hooks() (store remotestock.Hooks, local func(sale.ID) localstock.Hooks, buyers buyerapi.Hooks) {
	store, local, buyers = storeHooks(n.metrics), localHooks(n.metrics), buyerapi.Hooks{}
	buyers, n.answers.read = buyerHooks(n.metrics)
	if n.on.Metrics == nil && n.on.Answered == nil {
		return store, local, buyers
	}
	on, counted := n.on.Metrics, n.on.Answered
	if on == nil {
		on = func() bool { return true }
	}
	if counted == nil {
		counted = func() {}
	}
	called, queued, decided, answered := store.Called, store.Queued, store.Decided, buyers.Answered
	store.Called = func(script string, claims int, d time.Duration, err error) {
		if on() {
			called(script, claims, d, err)
		}
	}
	store.Queued = func(d time.Duration) {
		if on() {
			queued(d)
		}
	}
	store.Decided = func(o sale.Outcome) {
		if on() {
			decided(o)
		}
	}
	buyers.Answered = func(e buyerapi.Endpoint, a buyerapi.Answer, read time.Time) {
		counted()
		if on() {
			answered(e, a, read)
		}
	}
	return store, local, buyers
}

// buyerHooks also return what reads how often an endpoint gave an answer.
func buyerHooks(m *telemetry.Metrics) (hooks buyerapi.Hooks, read func(buyerapi.Endpoint, buyerapi.Answer) int64) {
	answers, read := telemetry.CountedPairs[buyerapi.Endpoint, buyerapi.Answer](m, "onsale_buyerapi_answers_total",
		"Answers by endpoint and by problem code, or ok, created, replayed and the like.",
		[2]string{"endpoint", "code"}, buyerapi.Endpoints, buyerapi.Answers)
	times := telemetry.SecondsPairs[buyerapi.Endpoint, buyerapi.Outcome](m, "onsale_buyerapi_answer_seconds",
		"Time from a request that has been read to its answer, by endpoint and outcome: succeeded, refused (4xx) or failed (5xx).",
		[2]string{"endpoint", "outcome"}, buyerapi.Endpoints, buyerapi.Outcomes)
	return buyerapi.Hooks{
		Answered: func(e buyerapi.Endpoint, a buyerapi.Answer, read time.Time) {
			answers(e, a)
			took := time.Duration(0)
			if !read.IsZero() {
				took = time.Since(read)
			}
			times(e, a.Outcome(), took)
		},
		Orphan:   m.Count("onsale_buyerapi_orphan_payments_total", "Payments for orders that are in no record: the money has to go back."),
		Disputed: m.Count("onsale_buyerapi_disputed_payments_total", "Payments, or parts of them, that buyers' banks took back, as providers reported."),
	}, read
}

func storeHooks(m *telemetry.Metrics) remotestock.Hooks {
	calls := m.CountBy("onsale_remotestock_calls_total", "Script calls by script and result.", "script", "result")
	took := m.SecondsBy("onsale_remotestock_call_seconds", "Time of one script call.", "script")
	batch := m.Sizes("onsale_remotestock_batch_claims", "Claims in one script call.")
	return remotestock.Hooks{
		Called: func(script string, claims int, d time.Duration, err error) {
			result := "ok"
			if err != nil {
				result = "error"
			}
			calls(script, result)
			took(script, d)
			if claims > 0 {
				batch(claims)
			}
		},
		Queued:  m.Seconds("onsale_remotestock_queue_seconds", "Time that a claim waited for the call that carried it."),
		Decided: telemetry.CountEach[sale.Outcome](m, "onsale_remotestock_claims_total", "Claims that Redis decided, by outcome.", "outcome", sale.Outcomes),
		Resent:  m.Sum("onsale_remotestock_resent_claims_total", "Claims sent again because their outcome was unknown."),
		Lost:    m.SaleFlag("onsale_remotestock_sale_lost", "1 while the sale has lost data and is shut until it is reconciled."),
		Looked:  app.Looked(m),
	}
}

// localHooks makes those of each sale's local stock.
func localHooks(m *telemetry.Metrics) func(sale.ID) localstock.Hooks {
	buffered := m.SaleCount("onsale_localstock_touched_buffers_total", "How often a slice ran out and the buffer was begun.")
	adopted := m.SaleCount("onsale_localstock_adopted_plans_total", "Plans that replaced this node's allotment.")
	refills := m.CountBy("onsale_localstock_refills_total", "Refills of a dry node by result.", "sale", "result")
	return func(id sale.ID) localstock.Hooks {
		return localstock.Hooks{
			Buffered: func() { buffered(id) },
			Adopted:  func(sale.Allotment) { adopted(id) },
			Refilled: func(g sale.Grant, err error) {
				result := string(g.Result)
				if err != nil {
					result = "error"
				}
				refills(string(id), result)
			},
		}
	}
}

// scraped registers what is asked for at a scrape.
func (n *Node) scraped() {
	n.metrics.FlagOf("onsale_buyerapi_short", "1 while this node has no place or no file descriptor for another connection.", n.door.Short)
	n.metrics.GaugeOf("onsale_buyerapi_under_way_calls", "Buyers' and payment providers' requests that this node works on, see --requests.", func() float64 { return float64(n.handler.UnderWay()) })
	n.metrics.FlagOf("onsale_checkout_ready", "1 while Redis answers this node's polls and can be sold from.", n.catalog.Ready)
	n.metrics.GaugeOf("onsale_checkout_reading_age_seconds", "Age of this node's oldest reading of Redis among the sales that sell.", func() float64 { return n.catalog.Age().Seconds() })
	app.Known(n.metrics, n.gossip.View)
	n.metrics.FlagOf("onsale_membership_drained", "1 while an operator has drained this node.", n.set.drained.Load)
	n.metrics.FlagOf("onsale_remotestock_breaker_open", "1 while the circuit breaker refuses calls.", n.store.Tripped)
	n.metrics.SaleGauges(n.levels,
		telemetry.Gauge{Name: "onsale_localstock_slice_tickets", Help: "Tickets left in this node's slice."},
		telemetry.Gauge{Name: "onsale_localstock_buffer_tickets", Help: "Tickets left in this node's buffer."},
		telemetry.Gauge{Name: "onsale_checkout_remaining_tickets", Help: "Tickets left in Redis by this node's newest reading."},
		telemetry.Gauge{Name: "onsale_localstock_plan_generation", Help: "Number of the plan by which this node sells."},
		telemetry.Gauge{Name: "onsale_localstock_sold_out", Help: "1 since Redis last reported that nothing remains."})
}

func (n *Node) levels(report func(id sale.ID, values ...float64)) {
	for id, d := range n.catalog.Sellers() {
		slice, buffer := d.Local().Level()
		soldOut := 0.0
		if d.Local().Exhausted() {
			soldOut = 1
		}
		report(id, float64(slice), float64(buffer), float64(d.Remaining()), float64(d.Local().Generation()), soldOut)
	}
}
