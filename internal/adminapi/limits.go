package adminapi

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/ratelimit"
)

// Limits are how many requests a second a node takes, of each buyer and of all together, and how many at once.
// A rate of 0 is no limit.
type Limits struct {
	BuyerRate  float64 `json:"buyer_rate"`
	BuyerBurst int     `json:"buyer_burst"`
	NodeRate   float64 `json:"node_rate"`
	NodeBurst  int     `json:"node_burst"`
}

func newLimits(l ratelimit.Limits) Limits {
	return Limits{l.Buyer.PerSecond, l.Buyer.Burst, l.Node.PerSecond, l.Node.Burst}
}

const limitsPath = "/admin/v1/limits"

// limitRoutes are served by nodes, see [RegisterLimits].
var limitRoutes = []string{"GET " + limitsPath, "PATCH " + limitsPath}

// RegisterLimits adds the routes that show and change how often buyers may ask a node while it runs. Without a token
// they refuse everybody.
func RegisterLimits(mux *http.ServeMux, tokens Tokens, limiter *ratelimit.Limiter, log *zap.Logger) error {
	if len(tokens) == 0 {
		mux.HandleFunc(limitsPath, refuseAll)
		return nil
	}
	h, err := New(nil, nil, nil, tokens, log)
	if err != nil {
		return err
	}
	show := func(w http.ResponseWriter, l ratelimit.Limits) error {
		h.write(w, http.StatusOK, "application/json", newLimits(l))
		return nil
	}
	mux.Handle("GET "+limitsPath, h.guard(func(w http.ResponseWriter, _ *http.Request) error { return show(w, limiter.Limits()) }))
	mux.Handle("PATCH "+limitsPath, h.guard(func(w http.ResponseWriter, r *http.Request) error {
		var wanted limitTerms
		if err := decode(r, &wanted); err != nil {
			return err
		}
		if err := wanted.put(&ratelimit.Limits{}); err != nil {
			return err
		}
		l, err := limiter.Change(func(l *ratelimit.Limits) { _ = wanted.put(l) }) // it has no fault
		if err != nil {
			return fmt.Errorf("%w: %w", errInput, err)
		}
		log.Info("limits changed", zap.Any("limits", newLimits(l)))
		return show(w, l)
	}))
	mux.Handle(limitsPath, h.guard(notAllowed([]string{http.MethodGet, http.MethodPatch})))
	return nil
}

// limitTerms are the limits that a request changes.
type limitTerms struct {
	BuyerRate  given[float64] `json:"buyer_rate"`
	BuyerBurst given[int]     `json:"buyer_burst"`
	NodeRate   given[float64] `json:"node_rate"`
	NodeBurst  given[int]     `json:"node_burst"`
}

// put changes the limits that were given.
func (t limitTerms) put(l *ratelimit.Limits) error {
	var f faults
	any := take(&f, "buyer_rate", t.BuyerRate, &l.Buyer.PerSecond)
	any = take(&f, "buyer_burst", t.BuyerBurst, &l.Buyer.Burst) || any
	any = take(&f, "node_rate", t.NodeRate, &l.Node.PerSecond) || any
	any = take(&f, "node_burst", t.NodeBurst, &l.Node.Burst) || any
	if !any {
		f.add("name a limit: buyer_rate, buyer_burst, node_rate or node_burst")
	}
	return f.err()
}
