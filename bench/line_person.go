package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
)

// person is a buyer with a page open.
type person struct {
	site  *lineSite
	buyer int
	addr  string // of Nginx, or of a node
}

// answered is what a buyer is answered: a place, an order, or a problem.
type answered struct {
	status int
	after  time.Duration // Retry-After
	sent   time.Time
	retry  bool // an earlier request was lost, or its outcome is unknown

	Place, Token string // of a place
	Position     int64
	ID           string // of an order
	Quantity     int
	Code         string // of a problem
	Ahead        *int64
}

// patienceOfPeople is for how long a request is sent again that was lost, or that a site could not serve.
const patienceOfPeople = 30 * time.Second

// join joins, with a place token if there is one.
func (p person) join(ctx context.Context, token string) (answered, error) {
	a, err := p.ask(ctx, http.MethodPost, "/line", "", token)
	if err == nil && a.status != http.StatusOK && a.status != http.StatusCreated {
		err = fmt.Errorf("%s joins: %d %s", generator.Buyer(p.buyer), a.status, a.Code)
	}
	return a, err
}

// buy buys a ticket.
func (p person) buy(ctx context.Context, token string, quantity int) (answered, error) {
	return p.ask(ctx, http.MethodPost, "/orders", fmt.Sprintf(`{"quantity":%d}`, quantity), token)
}

// mine is the buyer's order, if any.
func (p person) mine(ctx context.Context) (answered, error) {
	return p.ask(ctx, http.MethodGet, "/orders/mine", "", "")
}

// giveBack cancels an order.
func (p person) giveBack(ctx context.Context, order string) (answered, error) {
	return p.ask(ctx, http.MethodDelete, "/orders/"+order, "", "")
}

// ask sends a request until it is answered. All of them may be sent twice.
func (p person) ask(ctx context.Context, method, path, body, place string) (a answered, err error) {
	ctx, cancel := context.WithTimeout(ctx, patienceOfPeople)
	defer cancel()
	retry := false
	for {
		a, err = p.once(ctx, method, path, body, place)
		a.retry = retry
		if err == nil && a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
			return a, nil
		}
		if err == nil {
			err = fmt.Errorf("%s %s: %d %s", method, path, a.status, a.Code)
		}
		retry = retry || a.status != http.StatusTooManyRequests
		if !pause.For(ctx, max(50*time.Millisecond, a.after)) {
			return a, err
		}
	}
}

func (p person) once(ctx context.Context, method, path, body, place string) (a answered, err error) {
	token, err := p.site.cluster.Issuer.Token(generator.Buyer(p.buyer), time.Hour)
	if err != nil {
		return a, err
	}
	r, err := http.NewRequestWithContext(ctx, method, p.addr+"/v1/sales/"+lineSale+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if place != "" {
		r.Header.Set("Onsale-Place", place)
	}
	a.sent = time.Now()
	got, err := p.site.http.Do(r)
	if err != nil {
		return a, err
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		return a, err
	}
	a.status = got.StatusCode
	if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err == nil {
		a.after = time.Duration(seconds) * time.Second
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("%s %s: %d: %w", method, path, got.StatusCode, err)
	}
	return a, nil
}
