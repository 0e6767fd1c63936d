package capacity

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/line"
)

// anyDemand is a valid demand.
func anyDemand(t *rapid.T) Demand {
	d := DefaultDemand()
	d.Buyers = float64(rapid.Int64Range(1, 1e9).Draw(t, "buyers"))
	d.Tickets = float64(rapid.Int64Range(1, 1e8).Draw(t, "tickets"))
	d.Within = time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "within"))
	d.LineRate = rapid.SampledFrom([]int{0, 0, 1, 50, 5000}).Draw(t, "line rate")
	d.Tries = rapid.Float64Range(1, 10).Draw(t, "tries")
	d.Looks = rapid.Float64Range(0, 10).Draw(t, "looks")
	d.TLS = rapid.Bool().Draw(t, "tls")
	d.Cores = rapid.IntRange(1, 128).Draw(t, "cores")
	d.Headroom = rapid.Float64Range(1, 5).Draw(t, "headroom")
	return d
}

// noLess reports how b takes less than a.
func noLess(t *rapid.T, a, b Plan) {
	const rounding = 1 + 1e-9
	for i := range a.Parts {
		x, y := a.Parts[i], b.Parts[i]
		for _, v := range [][2]float64{{x.Requests, y.Requests}, {x.Cores, y.Cores}, {float64(x.Machines), float64(y.Machines)}, {x.Open, y.Open}, {x.Memory, y.Memory}, {x.Network, y.Network}} {
			if v[0] > v[1]*rounding {
				t.Fatalf("%s: got less for more: %+v, then %+v", x.Name, x, y)
			}
		}
	}
}

func TestMoreBuyersTakeNoLess(t *testing.T) {
	c := defaults(t)
	rapid.Check(t, func(t *rapid.T) {
		d := anyDemand(t)
		more := d
		more.Buyers *= rapid.Float64Range(1, 100).Draw(t, "times as many")
		noLess(t, Compute(d, c), Compute(more, c))
	})
}

func TestMoreTriesLooksHeadroomAndTLSTakeNoLess(t *testing.T) {
	c := defaults(t)
	rapid.Check(t, func(t *rapid.T) {
		d := anyDemand(t)
		more := d
		more.Tries += rapid.Float64Range(0, 5).Draw(t, "more tries")
		more.Looks += rapid.Float64Range(0, 5).Draw(t, "more looks")
		more.Headroom += rapid.Float64Range(0, 5).Draw(t, "more headroom")
		more.TLS = true
		noLess(t, Compute(d, c), Compute(more, c))
	})
}

// Machines have room for what is asked of them, and Redis is asked for no more than a core decides.
func TestAPlanHoldsWhatItIsFor(t *testing.T) {
	c := defaults(t)
	rapid.Check(t, func(t *rapid.T) {
		d := anyDemand(t)
		p := Compute(d, c)
		edge, nodes, redis := p.Parts[0], p.Parts[1], p.Parts[2]
		for _, one := range []Part{edge, nodes} {
			if one.Cores*d.Headroom > float64(one.Machines*d.Cores)*(1+1e-9) {
				t.Fatalf("got %+v, want processors for it", one)
			}
		}
		if edge.Open*d.Headroom > float64(edge.Machines*d.Cores*d.EdgeConnections)*(1+1e-9) || edge.Open > d.Buyers {
			t.Fatalf("got %+v, want connections for it, and no more than buyers", edge)
		}
		if redis.Cores > 1+1e-9 {
			t.Fatalf("got %+v, want one core at most", redis)
		}
		if sold := p.Claims * p.Selling; math.Abs(sold-min(d.Tickets, d.Buyers)) > 1e-6*sold {
			t.Fatalf("got %v claims a second for %v s, want all of %v tickets or %v buyers", p.Claims, p.Selling, d.Tickets, d.Buyers)
		}
		for i := 1; i < len(p.Limits); i++ {
			if p.Limits[i].Share() > p.Limits[i-1].Share() {
				t.Fatalf("got the limits %+v, want the most used first", p.Limits)
			}
		}
	})
}

func TestPlanByHand(t *testing.T) {
	c := Costs{EdgePurchase: 50, EdgeSoldOut: 20, EdgeDocument: 10, EdgeHandshake: 100, EdgeConnection: 1000, EdgePlain: 10, NodePurchase: 30, NodeRefusal: 10, NodeConnection: 100,
		RedisClaim: 10, RedisOrder: 200, PurchaseUp: 100, PurchaseDown: 200, DocumentUp: 50, DocumentDown: 50, HandshakeUp: 300, HandshakeDown: 300, LedgerOrders: 1000}
	d := Demand{Buyers: 60_000, Tickets: 6_000, Within: time.Minute, Tries: 1, Looks: 1, TLS: true, Cores: 1, EdgeConnections: 10_000, Headroom: 1}
	p := Compute(d, c)
	if p.Arrivals != 1000 || p.Claims != 1000 || p.Selling != 6 || p.Recorded != 6 {
		t.Errorf("got %+v, want 1,000 buyers a second, and 6,000 tickets sold and recorded in six seconds", p)
	}
	// 1,000 × (50 + 10 + 100) µs; connections of 30 s; 1,000 × (300 + 100 + 600) bytes.
	if e := p.Parts[0]; math.Abs(e.Cores-0.16) > 1e-9 || e.Open != 30_000 || e.Machines != 3 || e.Why != "connections" || e.Memory != 30e6 || e.Network != 1e6 {
		t.Errorf("got %+v", e)
	}
	if n := p.Parts[1]; math.Abs(n.Cores-0.03) > 1e-9 || n.Machines != 1 || n.Open != 3*1024 {
		t.Errorf("got %+v", n)
	}
	if r := p.Parts[2]; math.Abs(r.Cores-0.01) > 1e-9 || r.Memory != 1.2e6 {
		t.Errorf("got %+v", r)
	}
	if first := p.Limits[0]; first.Share() != 1 || !strings.Contains(first.What, "PostgreSQL") {
		t.Errorf("got %+v first, want the ledger's orders, at its most", first)
	}
}

func TestAsksAreThoseOfAllPlaces(t *testing.T) {
	const places, rate, chances = 200_000, 500, 10
	var want, anew float64
	for place := int64(1); place <= places; place++ {
		for c := range chances {
			wait := line.AskAgain(place, rate, (float64(c)+.5)/chances)
			want += 1 / wait / chances
			if wait > edgeKeepAlive.Seconds() {
				anew += 1 / wait / chances
			}
		}
	}
	all, again := asks(places, rate)
	if math.Abs(all-want) > want/100 || math.Abs(again-anew) > anew/100 {
		t.Errorf("got %.0f asks a second, %.0f on new connections, want %.0f and %.0f", all, again, want, anew)
	}
}

func TestEveryFaultOfADemandIsReported(t *testing.T) {
	err := Demand{Buyers: math.NaN(), Tickets: math.Inf(1), LineRate: -1}.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, flag := range []string{"--buyers NaN", "--tickets +Inf", "--open-within", "--line-rate", "--tries", "--cores", "--edge-connections", "--headroom"} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("got %v, want %s in it", err, flag)
		}
	}
	if err := DefaultDemand().Validate(); err == nil || strings.Contains(err.Error(), "--cores") {
		t.Errorf("got %v, want faults of buyers and tickets alone", err)
	}
}
