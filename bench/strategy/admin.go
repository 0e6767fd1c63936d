package strategy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"onsale/internal/sale"
)

// Admin is the harness's end of a front that another process serves.
type Admin struct {
	// URL is the front's, such as http://127.0.0.1:8080.
	URL string
}

// Ready succeeds once the front answers.
func (a Admin) Ready(ctx context.Context) error {
	return a.call(ctx, http.MethodGet, "/livez", nil, nil)
}

// Open is [Strategy].Open.
func (a Admin) Open(ctx context.Context, name string, total int64) error {
	return a.call(ctx, http.MethodPost, openPath, opening{name, total}, nil)
}

// Orders is [Strategy].Orders.
func (a Admin) Orders(ctx context.Context, name string) (orders []Order, err error) {
	err = a.call(ctx, http.MethodGet, ordersPath+"?sale="+url.QueryEscape(name), nil, &orders)
	return orders, err
}

// Remaining is [Strategy].Remaining.
func (a Admin) Remaining(ctx context.Context, name string) (int64, error) {
	var l left
	err := a.call(ctx, http.MethodGet, remainingPath+"?sale="+url.QueryEscape(name), nil, &l)
	return l.Remaining, err
}

// ProfileURL is where a CPU profile of so many seconds to come can be fetched.
func (a Admin) ProfileURL(seconds int) string {
	return fmt.Sprintf("%s%s?seconds=%d", a.URL, profilePath, seconds)
}

// call sends a request and decodes its answer into result, unless that is nil.
func (a Admin) call(ctx context.Context, method, path string, send, result any) error {
	body, err := json.Marshal(send)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
		if err != nil {
			return err
		}
		return refusal(answer.StatusCode, strings.TrimSpace(string(text)))
	}
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(result); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// refusal is the strategy's own error again, as far as a caller asks for its kind.
func refusal(status int, text string) error {
	switch status {
	case http.StatusNotFound:
		return fmt.Errorf("%w: the front answers: %s", sale.ErrNoSale, text)
	case http.StatusConflict:
		return fmt.Errorf("%w: the front answers: %s", sale.ErrConflict, text)
	}
	return fmt.Errorf("the front answers %d: %s", status, text)
}
