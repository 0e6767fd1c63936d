package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"

	"onsale/bench/generator"
	"onsale/internal/testbed"
)

// load is the buyers: a process of its own, so that its CPU is not the
// servers'. It signs its tokens, says "ready" on standard output, waits for a
// line on standard input, buys, and writes what it saw to a file.
type load struct {
	Front       string        `required:"" help:"URL of the front."`
	Sale        string        `required:"" help:"Sale to buy from."`
	Keys        string        `required:"" help:"Key set to sign buyers' tokens with."`
	Out         string        `required:"" help:"File for what was seen."`
	Buyers      int           `required:"" help:"How many buyers come, once each."`
	Connections int           `default:"256" help:"Buyers at the same time, each on a keep-alive connection."`
	Repeat      int           `default:"10" help:"One in so many buyers sends its request again once answered; 0: none."`
	Rate        float64       `help:"Buyers a second, due on schedule; 0: as fast as they are answered."`
	Patience    time.Duration `default:"30s" help:"How long a buyer tries again after a 503 or a lost connection."`
}

// seen is what the buyers were told.
type seen struct {
	Requests    int64            `json:"requests"`
	Answers     map[string]int64 `json:"answers"` // by status and code, such as "409 sold-out"
	LostAnswers int64            `json:"lost_answers"`

	// WrongQuantity counts answers that named an order of another number of tickets than
	// the buyer had asked for.
	WrongQuantity int64 `json:"wrong_quantity"`

	Acks       []generator.Ack     `json:"acks"`
	SoldOut    []generator.SoldOut `json:"sold_out"`
	Doubled    []string            `json:"doubled"`   // buyers whose repeated request named another order
	Forgotten  []string            `json:"forgotten"` // buyers whose order was not found again
	GaveUp     []string            `json:"gave_up"`   // buyers whose patience ended without a decision
	Undecided  []string            `json:"undecided"` // buyers whom an interruption kept from a decision: they may have an order
	Troubles   []trouble           `json:"troubles"`  // every 503
	Seconds    float64             `json:"seconds"`
	Millis     quantiles           `json:"latency_ms"`  // of the requests, from their sending
	CPUSeconds float64             `json:"cpu_seconds"` // of this process, from the first buyer on

	// Decisions is how long buyers waited for their definite answer, from when they
	// were due: whoever comes late because others are not served yet waits, too.
	Decisions map[generator.Class]*generator.Latency `json:"decisions"`
}

// trouble is a 503, and when it was received, in Unix milliseconds.
type trouble struct {
	Code     string `json:"code"`
	Received int64  `json:"received"`
}

type quantiles struct {
	P50, P95, P99, Max float64
}

// Run is the process.
func (l *load) Run(ctx context.Context) error {
	issuer, err := testbed.LoadIssuer(l.Keys)
	if err != nil {
		return err
	}
	tokens := make([]string, l.Buyers)
	for i := range tokens {
		if tokens[i], err = issuer.Token(buyerName(i), time.Hour); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	s, err := l.buy(ctx, tokens)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(l.Out, raw, 0o644)
}

func buyerName(i int) string { return "buyer-" + strconv.Itoa(i) }

// buy sends every buyer once, over so many workers, and tells of its progress
// on standard output twenty times a second. When ctx ends nobody else comes, and
// what was seen until then is returned.
func (l *load) buy(ctx context.Context, tokens []string) (*seen, error) {
	client := &fasthttp.HostClient{
		Addr: l.Front[len("http://"):], MaxConns: l.Connections,
		ReadTimeout: 15 * time.Second, WriteTimeout: 5 * time.Second,
		MaxIdemponentCallAttempts: 1, NoDefaultUserAgentHeader: true,
	}
	var next, done atomic.Int64
	workers := make([]*worker, l.Connections)
	spent, err := testbed.CPUTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	start := time.Now()
	due := func(n int) time.Time {
		if l.Rate == 0 {
			return time.Now()
		}
		return start.Add(time.Duration(float64(n) / l.Rate * float64(time.Second)))
	}
	var group sync.WaitGroup
	for i := range workers {
		w := newWorker(l, client)
		workers[i] = w
		group.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(tokens) {
					return
				}
				at := due(n)
				if sleep(ctx, time.Until(at)); ctx.Err() != nil {
					return
				}
				w.serve(ctx, n, tokens[n], at)
				done.Add(1)
			}
		})
	}
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()
	for ticker := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-finished:
			ticker.Stop()
			fmt.Println(done.Load())
			s := gather(workers, time.Since(start))
			used, err := testbed.CPUTime(os.Getpid())
			s.CPUSeconds = used - spent
			return s, err
		case <-ticker.C:
			fmt.Println(done.Load())
		}
	}
}

// gather adds the workers up.
func gather(workers []*worker, took time.Duration) *seen {
	s := &seen{Answers: map[string]int64{}, Seconds: took.Seconds(), Decisions: newDecisions()}
	latency := newLatency()
	told := map[generator.SoldOut]int64{}
	for _, w := range workers {
		s.Requests += w.requests
		s.LostAnswers += w.lost
		s.WrongQuantity += w.wrongQuantity
		s.Acks = append(s.Acks, w.acks...)
		s.Doubled = append(s.Doubled, w.doubled...)
		s.Forgotten = append(s.Forgotten, w.forgotten...)
		s.GaveUp = append(s.GaveUp, w.gaveUp...)
		s.Undecided = append(s.Undecided, w.undecided...)
		s.Troubles = append(s.Troubles, w.troubles...)
		for k, n := range w.answers {
			s.Answers[k] += n
		}
		for k, n := range w.soldOut {
			told[k] += n
		}
		latency.Merge(w.latency)
		for class, l := range w.decisions {
			s.Decisions[class].Merge(l)
		}
	}
	for k, n := range told {
		k.Buyers = n
		s.SoldOut = append(s.SoldOut, k)
	}
	ms := func(q float64) float64 { return float64(latency.ValueAtQuantile(q)) / 1000 }
	s.Millis = quantiles{ms(50), ms(95), ms(99), float64(latency.Max()) / 1000}
	return s
}

func newDecisions() map[generator.Class]*generator.Latency {
	return map[generator.Class]*generator.Latency{generator.ClassSold: generator.NewLatency(), generator.ClassSoldOut: generator.NewLatency()}
}

// newLatency records microseconds up to a minute.
func newLatency() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }
