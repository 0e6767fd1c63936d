package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxCrowd is how many buyers one click sends, and crowdAtOnce how many of them ask at the same time.
	maxCrowd    = 20_000
	crowdAtOnce = 64
)

// sendCrowd has so many buyers ask for a ticket each, and returns how they were answered. There is one crowd at a time.
func (b *devBoard) sendCrowd(ctx context.Context, buyers int) (string, error) {
	select {
	case b.crowd <- struct{}{}:
	default:
		return "", errors.New("a crowd is under way: wait for its end")
	}
	defer func() { <-b.crowd }()
	b.sent++
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: crowdAtOnce}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	begun, next := time.Now(), make(chan int)
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	for range min(crowdAtOnce, buyers) {
		all.Go(func() {
			for i := range next {
				answer := b.ask(ctx, client, fmt.Sprintf("crowd-%d-%d", b.sent, i))
				mu.Lock()
				answers[answer]++
				mu.Unlock()
			}
		})
	}
	for i := range buyers {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	all.Wait()
	var parts []string
	for _, answer := range slices.SortedFunc(maps.Keys(answers), func(a, b string) int {
		return cmp.Or(cmp.Compare(answers[b], answers[a]), cmp.Compare(a, b))
	}) {
		parts = append(parts, fmt.Sprintf("%d %s", answers[answer], answer))
	}
	return fmt.Sprintf("%d buyers in %.1f s: %s", buyers, time.Since(begun).Seconds(), strings.Join(parts, ", ")), nil
}

// ask buys one ticket, and returns the code of what came of it.
func (b *devBoard) ask(ctx context.Context, client *http.Client, buyer string) string {
	signed, err := b.issuer.Token(buyer, time.Hour)
	if err != nil {
		return "no token"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.front+"/v1/sales/"+demoSale+"/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		return "no request"
	}
	r.Header.Set("Authorization", "Bearer "+signed)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer answer.Body.Close()
	var problem struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, answer.Body, 64<<10)).Decode(&problem); err != nil && answer.StatusCode >= 300 {
		return fmt.Sprint("status ", answer.StatusCode)
	}
	if answer.StatusCode < 300 {
		return "bought"
	}
	return cmp.Or(problem.Code, fmt.Sprint("status ", answer.StatusCode))
}
