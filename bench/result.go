package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// result is what a headline run found. All counts but requests are of tickets,
// orders or claims, as their names say.
type result struct {
	Command string `json:"command"`
	Machine string `json:"machine"`
	Commit  string `json:"commit"`

	Interrupted bool `json:"interrupted,omitempty"` // the figures are of the buyers who had come by then

	Tickets         int64            `json:"tickets"`
	Sold            int64            `json:"sold"`             // tickets in live orders, in Redis
	Oversold        int64            `json:"oversold"`         // sold above tickets
	Unsold          int64            `json:"unsold"`           // left although buyers came for them; not known of an interrupted run
	DuplicateOrders int64            `json:"duplicate_orders"` // second live orders of a buyer, or repeats that named another order
	LostAcks        int64            `json:"lost_acks"`        // a buyer was told 201 or 200, and Redis or the ledger has no such order
	UntoldOrders    int64            `json:"untold_orders"`    // live orders whose buyer was told something else
	FalseSoldOut    int64            `json:"false_sold_out"`   // a buyer was told sold out, and remaining had not been 0 in the three seconds before
	WrongQuantity   int64            `json:"wrong_quantity"`   // a buyer was shown an order of another number of tickets than he asked for
	Requests        int64            `json:"requests"`
	HTTP503         map[string]int64 `json:"http_503"`         // by documented code
	HTTP503Outside  map[string]int64 `json:"http_503_outside"` // of these, those that Redis's own outage does not explain
	HTTP5xxOther    int64            `json:"http_5xx_other"`   // undocumented 503s included
	Answers         map[string]int64 `json:"answers"`
	LostAnswers     int64            `json:"lost_answers"` // connections that ended without an answer; the buyer asked again
	GaveUp          int64            `json:"gave_up"`

	Claims        int64 `json:"claims"`         // that reached Redis, by the nodes' own count
	ClaimsRefused int64 `json:"claims_refused"` // of these, as sold out
	RefusedBound  int64 `json:"claims_refused_bound"`
	DeductCalls   int64 `json:"deduct_calls"`
	ScriptCalls   int64 `json:"script_calls"` // all scripts, all nodes

	Seconds   float64 `json:"seconds"`                   // from the first buyer to the last answer
	SoldOutAt float64 `json:"sold_out_second,omitempty"` // from the first to the last ticket sold
	// LedgerSeconds is from the last hold until the ledger had committed everything.
	LedgerSeconds float64              `json:"ledger_seconds,omitempty"`
	Latency       quantiles            `json:"latency_ms,omitzero"` // of the requests, from their sending
	Decision      map[string]quantiles `json:"decision_ms"`         // from when a buyer was due to the definite answer, by what it was
	CPU           map[string]float64   `json:"cpu_seconds"`         // by kind of process; killed nodes until their death
	BuyersCPU     float64              `json:"buyers_cpu_seconds"`
	Events        []event              `json:"events"`
	Faults        []string             `json:"faults"`  // every broken promise, in words; empty: the audit passed
	Unshown       []string             `json:"unshown"` // what was asked for and did not come to happen

	decisions map[generator.Class]*generator.Latency
	undecided int64 // buyers whom an interruption kept from a decision
}

// ledgerBound is how many seconds after the last hold the ledger may be done.
const ledgerBound = 5

// documented503 are the only 503s that a buyer may get.
var documented503 = []string{"busy", "store-unavailable", "outcome-unknown"}

// audit puts what the buyers were told beside what Redis holds.
func (h *headline) audit(ctx context.Context, c *testbed.Site, store *remotestock.Store, m *meter, s *seen, story *story, interrupted bool) (*result, error) {
	behind, err := awaitLedger(ctx, store)
	if err != nil {
		return nil, err
	}
	a, err := operate.Audit(ctx, c.Stores(), saleID, 0, zap.NewNop())
	if err != nil {
		return nil, err
	}
	levels := levelsOf(a)
	survey, err := store.Survey(ctx, saleID)
	if err != nil {
		return nil, err
	}
	r := &result{
		Command: command(), Machine: machine(), Commit: commit(ctx),
		Tickets: h.Tickets, Sold: a.Sold(), Requests: s.Requests, Answers: s.Answers, LostAnswers: s.LostAnswers,
		GaveUp: int64(len(s.GaveUp)), Seconds: s.Seconds, Latency: s.Millis, Events: story.events,
		Decision: map[string]quantiles{}, BuyersCPU: s.CPUSeconds, decisions: s.Decisions, undecided: int64(len(s.Undecided)),
		HTTP503: map[string]int64{}, HTTP503Outside: map[string]int64{}, Faults: slices.Concat(a.Faults, story.failures),
		Unshown: story.unshown, Interrupted: interrupted, Oversold: max(0, a.Sold()-h.Tickets), SoldOutAt: soldOutAfter(levels),
	}
	if !interrupted {
		r.Unsold = max(0, min(h.Tickets, int64(h.Buyers))-a.Sold())
	}
	if len(a.Orders) > 0 {
		r.LedgerSeconds = story.lag.since(lastHold(a), behind)
	}
	for class, l := range s.Decisions {
		if l.Count() == 0 {
			continue // nobody was told so
		}
		q := quantilesOf(l)
		r.Decision[string(class)] = quantiles{q.P50, q.P95, q.P99, q.Max}
	}
	counts := m.sum("onsale_remotestock_claims_total", `onsale_remotestock_claims_total{outcome="sold-out"}`,
		`onsale_remotestock_calls_total{result="ok",script="deduct"}`, "onsale_remotestock_calls_total")
	r.Claims, r.ClaimsRefused, r.DeductCalls, r.ScriptCalls = counts[0], counts[1], counts[2], counts[3]
	r.RefusedBound = int64(h.Nodes + h.Connections)
	for _, share := range survey.Shares {
		r.RefusedBound += share.Buffer
	}
	r.DuplicateOrders = duplicates(a) + int64(len(s.Doubled))
	r.LostAcks = lost(a, s) + int64(len(s.Forgotten))
	r.UntoldOrders = untold(a, s)
	r.WrongQuantity = s.WrongQuantity
	r.FalseSoldOut = falselySoldOut(levels, s.SoldOut)
	for answer, n := range s.Answers {
		code, is503 := strings.CutPrefix(answer, "503 ")
		switch {
		case is503 && slices.Contains(documented503, code):
			r.HTTP503[code] += n
		case strings.HasPrefix(answer, "5"):
			r.HTTP5xxOther += n
		}
	}
	for _, t := range s.Troubles {
		if !story.redisAway(t.Received) {
			r.HTTP503Outside[t.Code]++
		}
	}
	if r.CPU, err = c.CPU(); err != nil {
		return nil, err
	}
	r.judge()
	return r, nil
}

// judge lists every number that breaks a promise.
func (r *result) judge() {
	for _, check := range []struct {
		name  string
		value int64
	}{
		{"oversold", r.Oversold}, {"unsold", r.Unsold}, {"duplicate_orders", r.DuplicateOrders}, {"lost_acks", r.LostAcks},
		{"untold_orders", r.UntoldOrders}, {"false_sold_out", r.FalseSoldOut},
		{"wrong_quantity", r.WrongQuantity}, {"http_5xx_other", r.HTTP5xxOther}, {"gave_up", r.GaveUp},
	} {
		if check.value != 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("%s is %d, want 0", check.name, check.value))
		}
	}
	if busy := r.HTTP503Outside["busy"]; busy*10_000 > r.Requests {
		r.Faults = append(r.Faults, fmt.Sprintf("busy is %d of %d requests while Redis was there, want at most 0.01 %%", busy, r.Requests))
	}
	if away := r.HTTP503Outside["store-unavailable"] + r.HTTP503Outside["outcome-unknown"]; away > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d answers spoke of Redis being away, and it was not", away))
	}
	if r.LedgerSeconds > ledgerBound {
		r.Faults = append(r.Faults, fmt.Sprintf("the ledger was done %.1f s after the last hold, want at most %d s", r.LedgerSeconds, ledgerBound))
	}
	if r.ClaimsRefused > r.RefusedBound {
		r.Faults = append(r.Faults, fmt.Sprintf("claims_refused is %d, above buffers, nodes and claims in flight: %d", r.ClaimsRefused, r.RefusedBound))
	}
}

// duplicates counts live orders beyond a buyer's first.
func duplicates(a operate.Audited) int64 {
	live := map[sale.Buyer]int64{}
	for _, o := range a.Orders {
		if o.State.Live() {
			live[o.Buyer]++
		}
	}
	var second int64
	for _, n := range live {
		second += n - 1
	}
	return second
}

// lost counts acknowledged orders that Redis does not have, or has for another
// buyer, or that the ledger lacks (which the audit lists as faults too).
func lost(a operate.Audited, s *seen) int64 {
	var missing int64
	for _, k := range s.Acks {
		o, ok := a.Orders[sale.OrderID(k.Order)]
		_, kept := a.Book.Orders[o.ID]
		if !ok || !kept || string(o.Buyer) != k.Buyer {
			missing++
		}
	}
	return missing
}

// untold counts live orders that no buyer was told of. Whoever gave up or was
// interrupted was told nothing, and may have one.
func untold(a operate.Audited, s *seen) int64 {
	heard := map[sale.OrderID]bool{}
	for _, k := range s.Acks {
		heard[sale.OrderID(k.Order)] = true
	}
	toldNothing := map[sale.Buyer]bool{}
	for _, b := range slices.Concat(s.GaveUp, s.Undecided) {
		toldNothing[sale.Buyer(b)] = true
	}
	var hidden int64
	for id, o := range a.Orders {
		if o.State.Live() && !heard[id] && !toldNothing[o.Buyer] {
			hidden++
		}
	}
	return hidden
}
