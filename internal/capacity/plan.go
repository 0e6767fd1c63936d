package capacity

import (
	"math"
	"slices"
	"time"
)

// What nginx/nginx.conf, nginx/client.conf and nginx/keepalive.conf have. A test compares them.
const (
	edgeConnections = 16384 // of a worker
	edgeUpstream    = 1024  // idle connections to nodes that a worker keeps
	edgeKeepAlive   = 30 * time.Second
)

// nodeConnections is how many busy connections for each core of a node were tried, see docs/operations.md.
const nodeConnections = 4096

// nodesTried is how many nodes a site has been measured with: go run ./bench headline and scale.
const nodesTried = 100

// Names of parts.
const (
	Nginx  = "Nginx"
	Nodes  = "nodes"
	Redis  = "Redis, this sale's master"
	Ledger = "ledger and PostgreSQL"
)

// Part is what one part of a site has to do in the worst phase of the sale.
type Part struct {
	Name     string  `json:"name"`
	Requests float64 `json:"requests_per_second"`
	Cores    float64 `json:"cores"`    // that are busy
	Machines int     `json:"machines"` // with headroom
	Why      string  `json:"why"`      // there are so many machines
	Open     float64 `json:"connections"`
	Memory   float64 `json:"memory_bytes"`
	Network  float64 `json:"network_bytes_per_second"` // both ways, on the buyers' side
}

// Limit is something that more machines do not raise.
type Limit struct {
	What  string  `json:"what"`
	Asked float64 `json:"asked"`
	Most  float64 `json:"most"`
	Then  string  `json:"then"` // what happens beyond it
}

// Share is how much of it is used; beyond 1 it is too little.
func (l Limit) Share() float64 { return l.Asked / l.Most }

// Plan is what a demand takes.
type Plan struct {
	Parts     []Part  `json:"parts"`
	Limits    []Limit `json:"limits"` // the one that breaks first comes first
	Selling   float64 `json:"seconds_until_sold"`
	Recorded  float64 `json:"seconds_until_recorded"` // from the first sale until the ledger has all
	Arrivals  float64 `json:"buyers_per_second"`
	Documents float64 `json:"documents_per_second"`
	Claims    float64 `json:"claims_per_second"`
}

// Compute is what a demand takes by those costs. The demand has to be valid.
func Compute(d Demand, c Costs) Plan {
	if d.LineRate > 0 {
		return planLine(d, c)
	}
	return planOpen(d, c)
}

// sold is how many tickets are sold if everybody who comes wants one.
func (d Demand) sold() float64 { return min(d.Tickets, d.Buyers) }

// phase is how often a second things happen in a part of a sale.
type phase struct {
	handshakes, documents float64
	passed                float64 // requests that Nginx passes on
	soldOut               float64 // answered by Nginx
	sold, refused, joins  float64 // by nodes
	open                  float64 // connections of buyers
}

// planOpen is a sale open to all: everybody buys at once, until it is sold out.
func planOpen(d Demand, c Costs) Plan {
	arrivals := d.Buyers / d.Within.Seconds()
	most := 1e6 / c.RedisClaim
	claims := min(arrivals, most)
	base := phase{documents: arrivals * d.Looks, open: d.open(arrivals)}
	if d.TLS {
		base.handshakes = arrivals
	}
	selling, after := base, base
	// Whoever is too many for Redis is answered busy by a node, and tries again.
	selling.passed, selling.sold, selling.refused = arrivals*d.Tries, claims, arrivals*d.Tries-claims
	after.soldOut = arrivals * d.Tries
	p := plan(d, c, selling, after)
	p.Arrivals, p.Documents, p.Claims = arrivals, base.documents, claims
	p.Selling = d.sold() / claims
	p.Recorded = max(p.Selling, d.sold()/c.LedgerOrders)
	p.Limits = limits(p, d, c, arrivals, 0)
	return p
}

// planLine is a sale with a line: everybody joins, and then waits.
func planLine(d Demand, c Costs) Plan {
	arrivals := d.Buyers / d.Within.Seconds()
	joining := phase{documents: arrivals * d.Looks, passed: arrivals, joins: min(arrivals, 1e6/c.RedisJoin), open: d.open(arrivals)}
	joining.refused = joining.passed - joining.joins
	all, anew := asks(d.Buyers, d.LineRate)
	claims := min(float64(d.LineRate), 1e6/c.RedisClaim, d.sold())
	waiting := phase{documents: all, passed: claims * d.Tries, sold: claims, refused: claims * (d.Tries - 1)}
	// A page that asks again before Nginx closes its connection keeps it.
	waiting.open = min(d.Buyers, all*edgeKeepAlive.Seconds())
	if d.TLS {
		joining.handshakes, waiting.handshakes = arrivals, anew
	}
	p := plan(d, c, joining, waiting)
	p.Arrivals, p.Documents, p.Claims = arrivals, max(all, joining.documents), claims
	p.Selling = d.sold() / claims
	p.Recorded = max(p.Selling, d.sold()/c.LedgerOrders)
	p.Limits = limits(p, d, c, claims, arrivals)
	return p
}

// open is how many connections are open: of everybody who has come since Nginx closes what is idle.
func (d Demand) open(arrivals float64) float64 {
	return min(d.Buyers, arrivals*edgeKeepAlive.Seconds())
}

// plan has for each part the worst of the phases.
func plan(d Demand, c Costs, phases ...phase) (p Plan) {
	edge, nodes, redis := Part{Name: Nginx}, Part{Name: Nodes}, Part{Name: Redis}
	ledger := Part{Name: Ledger}
	for _, f := range phases {
		edge.Requests = max(edge.Requests, f.documents+f.passed+f.soldOut)
		edge.Cores = max(edge.Cores, (f.handshakes*c.EdgeHandshake+f.documents*c.EdgeDocument+f.passed*c.EdgePurchase+f.soldOut*c.EdgeSoldOut)/1e6)
		edge.Network = max(edge.Network, f.handshakes*(c.HandshakeUp+c.HandshakeDown)+f.documents*(c.DocumentUp+c.DocumentDown)+(f.passed+f.soldOut)*(c.PurchaseUp+c.PurchaseDown))
		edge.Open = max(edge.Open, f.open)
		nodes.Requests = max(nodes.Requests, f.passed)
		nodes.Cores = max(nodes.Cores, (f.sold*c.NodePurchase+f.refused*c.NodeRefusal+f.joins*c.NodeJoin)/1e6)
		redis.Requests, ledger.Requests = max(redis.Requests, f.sold+f.joins), max(ledger.Requests, min(f.sold, c.LedgerOrders))
		redis.Cores = max(redis.Cores, (f.sold*c.RedisClaim+f.joins*c.RedisJoin)/1e6)
	}
	d.edges(&edge, c)
	nodes.Open = float64(edge.Machines*d.Cores) * edgeUpstream // which is the most, so that it needs no headroom
	byCores, byOpen := nodes.Cores*d.Headroom/float64(d.Cores), nodes.Open/float64(d.Cores*nodeConnections)
	nodes.Machines, nodes.Why = machines(max(byCores, byOpen)), "processors"
	if byOpen > byCores {
		nodes.Why = "connections of Nginx"
	}
	nodes.Memory = nodes.Open * c.NodeConnection
	redis.Machines, redis.Why = 1, "a sale is on one master"
	redis.Memory = d.sold() * c.RedisOrder
	if d.LineRate > 0 {
		redis.Memory += d.Buyers * c.RedisPlace
	}
	ledger.Machines, ledger.Why = 1, "a sale has one reader at a time"
	p.Parts = []Part{edge, nodes, redis, ledger}
	return p
}

// edges finds how many Nginxes there have to be, and their memory.
func (d Demand) edges(edge *Part, c Costs) {
	byCores := edge.Cores * d.Headroom / float64(d.Cores)
	byOpen := edge.Open * d.Headroom / float64(d.Cores*d.EdgeConnections)
	edge.Machines, edge.Why = machines(max(byCores, byOpen)), "processors"
	if byOpen > byCores {
		edge.Why = "connections"
	}
	edge.Memory = edge.Open * c.EdgePlain
	if d.TLS {
		edge.Memory = edge.Open * c.EdgeConnection
	}
}

func machines(needed float64) int { return max(1, int(math.Ceil(needed))) }

// limits are what more machines don't raise, the most used first.
func limits(p Plan, d Demand, c Costs, claims, joins float64) []Limit {
	nodes := 0
	for _, part := range p.Parts {
		if part.Name == Nodes {
			nodes = part.Machines
		}
	}
	all := []Limit{
		{"claims a second, on one core of Redis", claims, 1e6 / c.RedisClaim, "the sale takes longer; who is too many is answered busy and asks again"},
		{"nodes, as far as was measured", float64(nodes), nodesTried, "gossip and polls of more nodes were never measured: take larger machines"},
		{"orders a second into PostgreSQL", p.Claims, c.LedgerOrders, "the ledger is behind; the stream keeps the orders, in Redis's memory"},
	}
	if joins > 0 {
		all = append(all, Limit{"joins a second, on one core of Redis", joins, 1e6 / c.RedisJoin, "who is too many is answered busy and joins again: let them come over a longer time"})
	}
	slices.SortStableFunc(all, func(a, b Limit) int {
		switch {
		case a.Share() > b.Share():
			return -1
		case a.Share() < b.Share():
			return 1
		}
		return 0
	})
	return all
}
