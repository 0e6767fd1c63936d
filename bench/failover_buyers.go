package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/pause"
	"onsale/internal/testbed"
)

// roundBuyers are the buyers of one round's sale: each wants one ticket, and asks
// again after a 503 or a lost connection until its answer is definite.
type roundBuyers struct {
	cluster *testbed.Site
	client  *fasthttp.HostClient
	url     string
	sale    string
	limiter *rate.Limiter
	next    atomic.Int64

	mu       sync.Mutex
	known    map[string]bool // orders that are among acks: a buyer may be answered with one twice
	acks     []generator.Ack
	times    []time.Time // of the acks
	away     []time.Time // of every 503
	soldOut  bool
	quantity int64              // answers with an order of another number of tickets than one
	wrong    map[string]int     // answers that no buyer should get, by status and code
	latency  *generator.Latency // of acknowledged requests
}

// newRoundBuyers makes buyers who come at a rate a second; 0: as fast as they are answered.
func newRoundBuyers(c *testbed.Site, id string, perSecond float64) *roundBuyers {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &roundBuyers{
		cluster: c, sale: id, url: c.Front() + "/v1/sales/" + id + "/orders", limiter: rate.NewLimiter(limit, 1), latency: generator.NewLatency(), known: map[string]bool{}, wrong: map[string]int{},
		client: &fasthttp.HostClient{
			Addr: c.Front()[len("http://"):], MaxConns: 4096, ReadTimeout: 10 * time.Second, WriteTimeout: 5 * time.Second,
			MaxIdemponentCallAttempts: 1, NoDefaultUserAgentHeader: true,
		},
	}
}

// run returns when ctx ends and nobody is being served any more, or when all is sold.
func (b *roundBuyers) run(ctx context.Context, clients int) {
	defer b.client.CloseIdleConnections()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for !b.done() && b.limiter.Wait(ctx) == nil {
				b.visit(ctx, fmt.Sprintf("%s-%d", b.sale, b.next.Add(1)))
			}
		})
	}
	group.Wait()
}

// visit is one buyer's.
func (b *roundBuyers) visit(ctx context.Context, buyer string) {
	token, err := b.cluster.Issuer.Token(buyer, time.Hour)
	if err != nil {
		logLine(err.Error())
		return
	}
	for ctx.Err() == nil && !b.done() && !b.ask(buyer, token) {
		pause.For(ctx, 50*time.Millisecond)
	}
}

// ask sends the request once, and reports whether the answer was definite.
func (b *roundBuyers) ask(buyer, token string) (definite bool) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(b.url)
	request.Header.SetMethod(http.MethodPost)
	request.Header.Set("Authorization", "Bearer "+token)
	request.SetBodyString(`{"quantity":1}`)
	sent := time.Now()
	if err := b.client.Do(request, response); err != nil {
		return false // a buyer without an answer asks again
	}
	var d document
	if err := json.Unmarshal(response.Body(), &d); err != nil {
		return false
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch status := response.StatusCode(); {
	case status == http.StatusCreated, status == http.StatusOK:
		if d.Quantity != 1 {
			b.quantity++
		}
		if !b.known[string(d.ID)] {
			b.known[string(d.ID)] = true
			b.acks, b.times = append(b.acks, generator.Ack{Buyer: buyer, Order: string(d.ID)}), append(b.times, now)
		}
		b.latency.Record(now.Sub(sent))
	case status == http.StatusServiceUnavailable:
		b.away = append(b.away, now)
		return false
	case d.Code == "sold-out":
		b.soldOut = true
	default:
		b.wrong[fmt.Sprintf("%d %s", status, d.Code)]++
	}
	return true
}

// answers are what the judge puts beside the records.
func (b *roundBuyers) answers() judge.Answers {
	b.mu.Lock()
	defer b.mu.Unlock()
	return judge.Answers{Acks: b.acks, WrongQuantity: b.quantity}
}

// done reports whether a buyer was answered that all is sold.
func (b *roundBuyers) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.soldOut
}

// sold is how many were acknowledged, and when the last was.
func (b *roundBuyers) sold() (n int, last time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n = len(b.times); n > 0 {
		last = b.times[n-1]
	}
	return n, last
}

// again has the last buyers with an order ask for one again. A buyer whose order is
// kept is answered with the same one; one whose order is lost would get another.
func (b *roundBuyers) again(ctx context.Context, most int) {
	b.mu.Lock()
	last := slices.Clone(b.acks[max(0, len(b.acks)-most):])
	b.mu.Unlock()
	for _, k := range last {
		b.visit(ctx, k.Buyer)
	}
}
