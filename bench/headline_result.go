package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
)

// headlineResult is what a headline run found. All counts but requests are of tickets,
// orders or claims, as their names show.
type headlineResult struct {
	outcome

	Buyers  int64   `json:"buyers"` // who were to come
	Nodes   int     `json:"nodes"`
	Rate    float64 `json:"buyers_per_second,omitempty"` // of an open loop
	Tickets int64   `json:"tickets"`
	Sold    int64   `json:"sold"` // tickets in live orders, in Redis
	judge.Verdict
	Requests       int64            `json:"requests"`
	HTTP503        map[string]int64 `json:"http_503"`         // by documented code
	HTTP503Outside map[string]int64 `json:"http_503_outside"` // of these, those that Redis's own outage does not explain
	HTTP5xxOther   int64            `json:"http_5xx_other"`   // undocumented 503s included
	Malformed      int64            `json:"malformed"`        // answers that name no order or can't be read
	Answers        map[string]int64 `json:"answers"`
	LostAnswers    int64            `json:"lost_answers"` // connections that ended without an answer; the buyer asked again
	GaveUp         int64            `json:"gave_up"`

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

	decisions  map[generator.Class]*generator.Latency
	unanswered int64                     // buyers whom an interruption kept from a decision
	nodes      map[string][]report.Level // what each node had left of its slice
}

// quantiles are a latency distribution in ms.
type quantiles struct {
	P50, P95, P99, Max float64
}

func millisAt(l *generator.Latency) quantiles {
	q := quantilesOf(l)
	return quantiles{q.P50, q.P95, q.P99, q.Max}
}

// maxLedgerSeconds is how many seconds after the last hold the ledger may be done.
const maxLedgerSeconds = 5

// documented503 are the only 503s that a buyer may get.
var documented503 = []string{"busy", "store-unavailable", "outcome-unknown"}

// audit puts what the buyers were answered beside what Redis holds.
func (h *headline) audit(ctx context.Context, c *testbed.Site, store *remotestock.Store, m *meter, run generator.Run, script *faultScript, interrupted bool, origin outcome) (*headlineResult, error) {
	behind, err := awaitLedger(ctx, store)
	if err != nil {
		return nil, err
	}
	a, err := operate.Audit(ctx, c.Stores(), benchSale, 0, zap.NewNop())
	if err != nil {
		return nil, err
	}
	records := judge.FromAudit(a)
	survey, err := store.Survey(ctx, benchSale)
	if err != nil {
		return nil, err
	}
	r := &headlineResult{
		outcome: origin, Buyers: int64(h.Buyers), Nodes: h.Nodes, Rate: h.Rate,
		Tickets: h.Tickets, Sold: a.Sold(), Requests: run.Sent, Answers: run.Visits.Answers, LostAnswers: run.Visits.Lost,
		GaveUp: int64(len(run.Visits.GaveUp)), Seconds: run.Seconds, Latency: millisAt(run.Visits.Latency), Events: script.events,
		Decision: map[string]quantiles{}, BuyersCPU: run.CPUSeconds, decisions: run.Latencies, unanswered: int64(len(run.Visits.Interrupted)),
		HTTP503: map[string]int64{}, HTTP503Outside: map[string]int64{},
		SoldOutAt: judge.SoldOutAfter(records.Levels),
	}
	r.Faults, r.Unshown, r.Interrupted = slices.Concat(records.Faults, script.failures), script.unshown, interrupted
	if len(a.Orders) > 0 {
		r.LedgerSeconds = script.lag.since(lastHold(a), behind)
	}
	for class, l := range run.Latencies {
		r.Decision[string(class)] = millisAt(l)
	}
	counts := m.sum("onsale_remotestock_claims_total", `onsale_remotestock_claims_total{outcome="sold-out"}`,
		`onsale_remotestock_calls_total{result="ok",script="deduct"}`, "onsale_remotestock_calls_total")
	r.Claims, r.ClaimsRefused, r.DeductCalls, r.ScriptCalls = counts[0], counts[1], counts[2], counts[3]
	r.RefusedBound = int64(h.Nodes + h.Connections)
	for _, share := range survey.Shares {
		r.RefusedBound += share.Buffer
	}
	r.Verdict, r.Malformed = judge.Judge(records, judge.FromRun(run)), run.Malformed()
	for answer, n := range r.Answers {
		code, is503 := strings.CutPrefix(answer, "503 ")
		switch {
		case is503 && slices.Contains(documented503, code):
			r.HTTP503[code] += n
		case strings.HasPrefix(answer, "5"):
			r.HTTP5xxOther += n
		}
	}
	for _, u := range run.Visits.Unavailable {
		if !script.redisAway(u.Received) {
			r.HTTP503Outside[u.Code]++
		}
	}
	if r.CPU, err = c.CPU(); err != nil {
		return nil, err
	}
	r.judge()
	return r, nil
}

// judge lists every number that breaks a promise.
func (r *headlineResult) judge() {
	r.Faults = append(r.Faults, r.Verdict.Broken()...)
	for _, check := range []struct {
		name  string
		count int64
	}{{"5xx that are not documented", r.HTTP5xxOther}, {"buyers who gave up", r.GaveUp}, {"answers that name no order or can't be read", r.Malformed}} {
		if check.count != 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("%s: %d", check.name, check.count))
		}
	}
	if busy := r.HTTP503Outside["busy"]; busy*10_000 > r.Requests {
		r.Faults = append(r.Faults, fmt.Sprintf("busy is %d of %d requests while Redis was there, want at most 0.01 %%", busy, r.Requests))
	}
	if away := r.HTTP503Outside["store-unavailable"] + r.HTTP503Outside["outcome-unknown"]; away > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d answers spoke of Redis being away, and it was not", away))
	}
	if r.LedgerSeconds > maxLedgerSeconds {
		r.Faults = append(r.Faults, fmt.Sprintf("the ledger was done %.1f s after the last hold, want at most %d s", r.LedgerSeconds, maxLedgerSeconds))
	}
	if r.ClaimsRefused > r.RefusedBound {
		r.Faults = append(r.Faults, fmt.Sprintf("claims_refused is %d, above buffers, nodes and claims in flight: %d", r.ClaimsRefused, r.RefusedBound))
	}
}
