package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"

	"onsale/bench/generator"
)

// worker is one connection's worth of buyers, one after the other, and what
// they were told.
type worker struct {
	load     *load
	client   *fasthttp.HostClient
	orders   string
	mine     string
	request  *fasthttp.Request
	response *fasthttp.Response

	requests, lost             int64
	wrongQuantity              int64 // orders of another number of tickets than were asked for
	answers                    map[string]int64
	acks                       []generator.Ack
	soldOut                    map[generator.SoldOut]int64
	doubled, forgotten, gaveUp []string
	undecided                  []string
	troubles                   []trouble
	latency                    *hdrhistogram.Histogram
	decisions                  map[generator.Class]*generator.Latency
}

func newWorker(l *load, client *fasthttp.HostClient) *worker {
	orders := l.Front + "/v1/sales/" + l.Sale + "/orders"
	return &worker{
		load: l, client: client, orders: orders, mine: orders + "/mine",
		request: fasthttp.AcquireRequest(), response: fasthttp.AcquireResponse(),
		answers: map[string]int64{}, soldOut: map[generator.SoldOut]int64{}, latency: newLatency(), decisions: newDecisions(),
	}
}

// told is one answer.
type told struct {
	status         int
	code           string // of a problem
	order          string
	retried        bool // Nginx needed a second try
	wait           time.Duration
	sent, received int64 // Unix milliseconds
}

// serve is one buyer's visit, who was due at that time: it asks until it is told
// something definite, and one in Repeat asks again.
func (w *worker) serve(ctx context.Context, n int, token string, due time.Time) {
	t, ok := w.decide(ctx, token)
	switch {
	case !ok && ctx.Err() != nil:
		w.undecided = append(w.undecided, buyerName(n))
		return
	case !ok:
		w.gaveUp = append(w.gaveUp, buyerName(n))
		return
	case t.order == "":
		w.decisions[generator.ClassSoldOut].Record(time.Since(due))
		w.soldOut[generator.SoldOut{Sent: t.sent, Received: t.received}]++
		return
	}
	w.decisions[generator.ClassSold].Record(time.Since(due))
	w.acks = append(w.acks, generator.Ack{Buyer: buyerName(n), Order: t.order})
	if w.load.Repeat == 0 || n%w.load.Repeat != 0 {
		return
	}
	again, ok := w.decide(ctx, token)
	if ok && again.order == "" {
		again, ok = w.find(ctx, token)
	}
	switch {
	case !ok && ctx.Err() != nil: // the repetition was interrupted, and says nothing
	case !ok || again.order == "":
		w.forgotten = append(w.forgotten, buyerName(n))
	case again.order != t.order:
		w.doubled = append(w.doubled, buyerName(n))
	}
}

// decide sends the purchase until the buyer has an order or is truly told that
// all are sold. A 503 or a lost connection is no decision: the request is
// idempotent and sent again. After a lost answer, or where Nginx says that it
// retried, "sold out" is believed only once orders/mine knows of no order.
func (w *worker) decide(ctx context.Context, token string) (told, bool) {
	lost := false
	for end := time.Now().Add(w.load.Patience); time.Now().Before(end) && ctx.Err() == nil; {
		t, ok := w.send(fasthttp.MethodPost, w.orders, token)
		switch {
		case !ok:
			lost = true
			sleep(ctx, 20*time.Millisecond)
		case t.status == fasthttp.StatusCreated || t.status == fasthttp.StatusOK:
			return t, true
		case t.code == "sold-out" && (lost || t.retried):
			mine, ok := w.find(ctx, token)
			if ok && mine.order == "" {
				return t, true
			}
			return mine, ok
		case t.code == "sold-out":
			return t, true
		default:
			lost = lost || t.code == "outcome-unknown" // as good as no answer: there may be an order
			sleep(ctx, max(t.wait, 20*time.Millisecond))
		}
	}
	return told{}, false
}

// find asks for the buyer's own order; a 404 is an answer, without an order.
func (w *worker) find(ctx context.Context, token string) (told, bool) {
	for end := time.Now().Add(w.load.Patience); time.Now().Before(end) && ctx.Err() == nil; {
		t, ok := w.send(fasthttp.MethodGet, w.mine, token)
		if ok && (t.status == fasthttp.StatusOK || t.status == fasthttp.StatusNotFound) {
			return t, true
		}
		sleep(ctx, max(t.wait, 20*time.Millisecond))
	}
	return told{}, false
}

// send is one request. ok is false where no answer came back.
func (w *worker) send(method, uri, token string) (t told, ok bool) {
	w.request.Reset()
	w.request.SetRequestURI(uri)
	w.request.Header.SetMethod(method)
	w.request.Header.Set("Authorization", "Bearer "+token)
	if method == fasthttp.MethodPost {
		w.request.Header.SetContentType("application/json")
		w.request.SetBodyString(`{"quantity":1}`)
	}
	w.requests++
	start := time.Now()
	err := w.client.Do(w.request, w.response)
	took := time.Since(start)
	t.sent, t.received = start.UnixMilli(), start.Add(took).UnixMilli()
	if err != nil {
		w.lost++
		return t, false
	}
	// Above a minute nothing is recorded, but no request lasts so long.
	_ = w.latency.RecordValue(max(1, took.Microseconds()))
	w.read(&t)
	return t, true
}

// read takes what the buyer needs from the answer.
func (w *worker) read(t *told) {
	t.status = w.response.StatusCode()
	t.retried = len(w.response.Header.Peek("Onsale-Retried")) > 0
	if s, err := strconv.Atoi(string(w.response.Header.Peek("Retry-After"))); err == nil {
		t.wait = time.Duration(s) * time.Second
	}
	var body struct {
		ID       string `json:"id"`
		Quantity int    `json:"quantity"`
		Code     string `json:"code"`
	}
	if err := json.Unmarshal(w.response.Body(), &body); err != nil {
		body.Code = "no-json"
	}
	t.code = body.Code
	if t.status == fasthttp.StatusOK || t.status == fasthttp.StatusCreated {
		t.order = body.ID
		if body.Quantity != 1 {
			w.wrongQuantity++
		}
	}
	key := strconv.Itoa(t.status)
	if t.code != "" {
		key += " " + t.code
	}
	w.answers[key]++
	if t.status == fasthttp.StatusServiceUnavailable {
		w.troubles = append(w.troubles, trouble{t.code, t.received})
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
