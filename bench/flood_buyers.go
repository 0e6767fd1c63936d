package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
)

// visitors are buyers who come once each, on a connection of their own, and don't try again.
type visitors struct {
	Sent    int            `json:"sent"`
	Served  int            `json:"served"`  // got a ticket
	Answers map[string]int `json:"answers"` // by status, or what became of the connection
	P50     float64        `json:"p50_ms"`  // of the served, from when they were due
	P99     float64        `json:"p99_ms"`
}

// buyers come on schedule for so long, by turns from 50 addresses.
func (f *flooded) buyers(ctx context.Context, howLong time.Duration) (visitors, error) {
	v := visitors{Sent: int(f.Rate * howLong.Seconds()), Answers: map[string]int{}}
	tokens, first := make([]string, v.Sent), f.next
	for i := range tokens {
		var err error
		if tokens[i], err = f.site.Issuer.Token(generator.Buyer(f.next), time.Hour); err != nil {
			return v, err
		}
		f.next++
	}
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		served []time.Duration
		began  = time.Now()
	)
	for i, token := range tokens {
		due := began.Add(time.Duration(float64(i) / f.Rate * float64(time.Second)))
		if !pause.For(ctx, time.Until(due)) {
			break
		}
		group.Go(func() {
			answer, order := f.purchase(ctx, net.IPv4(10, 66, 1, byte(2+i%50)), token)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			v.Answers[answer]++
			buyer := generator.Buyer(first + i)
			if answer == "201" {
				served = append(served, took)
				f.answers.Acks = append(f.answers.Acks, generator.Ack{Buyer: buyer, Order: string(order.ID)})
				if order.Quantity != 1 {
					f.answers.WrongQuantity++
				}
			} else {
				f.answers.Unanswered = append(f.answers.Unanswered, buyer)
			}
		})
	}
	group.Wait()
	v.Served = len(served)
	if slices.Sort(served); v.Served > 0 {
		ms := func(q float64) float64 { return served[int(q*float64(v.Served-1))].Seconds() * 1000 }
		v.P50, v.P99 = ms(0.5), ms(0.99)
	}
	return v, nil
}

// purchase returns the status, or what went wrong, and the order.
func (f *flooded) purchase(ctx context.Context, from net.IP, token string) (answer string, order document) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	transport := &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.site.Front()+"/v1/sales/"+floodSale+"/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		return err.Error(), order
	}
	r.Header.Set("Authorization", "Bearer "+token)
	a, err := client.Do(r)
	if err != nil {
		return brokenOff(err), order
	}
	defer a.Body.Close()
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		return brokenOff(err), order
	}
	if a.StatusCode == http.StatusCreated {
		if err := json.Unmarshal(raw, &order); err != nil {
			return err.Error(), order
		}
	}
	return fmt.Sprint(a.StatusCode), order
}

// brokenOff sums errors up: each has ports of its own.
func brokenOff(err error) string {
	for _, what := range []string{"connection reset", "EOF", "deadline exceeded", "refused", "broken pipe"} {
		if strings.Contains(err.Error(), what) {
			return what
		}
	}
	return err.Error()
}
