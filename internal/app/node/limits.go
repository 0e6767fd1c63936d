package node

import "onsale/internal/ratelimit"

// Limits are how often buyers may ask, as flags.
type Limits struct {
	BuyerRate  float64 `default:"50" env:"ONSALE_BUYER_RATE" help:"Requests a second that one buyer may send to this node, those without a token aside; more are answered rate-limited. 0: no limit."`
	BuyerBurst int     `default:"250" env:"ONSALE_BUYER_BURST" help:"Requests of one buyer at once."`
	NodeRate   float64 `default:"0" env:"ONSALE_NODE_RATE" help:"Requests a second that all buyers together may send to this node; purchases are refused before other requests, payments never. 0: no limit."`
	NodeBurst  int     `default:"1000" env:"ONSALE_NODE_BURST" help:"Requests of all buyers at once."`
}

// limiter is one with these limits.
func (l Limits) limiter() (*ratelimit.Limiter, error) {
	return ratelimit.New(ratelimit.Limits{
		Buyer: ratelimit.Rate{PerSecond: l.BuyerRate, Burst: l.BuyerBurst},
		Node:  ratelimit.Rate{PerSecond: l.NodeRate, Burst: l.NodeBurst},
	})
}
