package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// Listed is a sale of a list: its status or, if it can't be read, its id and the problem's code and detail.
type Listed struct {
	adminapi.Status
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// MarshalJSON gives back what the API answered.
func (l Listed) MarshalJSON() ([]byte, error) {
	if l.Code != "" {
		return json.Marshal(adminapi.Unreadable{ID: l.ID, Code: l.Code, Detail: l.Detail})
	}
	return json.Marshal(l.Status)
}

// CreateSale opens a sale. The definition is a JSON object, see docs/api.md. created is false if there was a sale of this
// definition already. The sale sells once its status is Recorded.
func (c Client) CreateSale(ctx context.Context, definition json.RawMessage) (s adminapi.Status, created bool, err error) {
	s, status, err := read[adminapi.Status](ctx, c, http.MethodPost, pathTo("sales"), definition)
	return s, status == http.StatusCreated, err
}

// Sales lists the sales by id, at most limit, or all if that is 0.
func (c Client) Sales(ctx context.Context, limit int) iter.Seq2[Listed, error] {
	return pages[Listed](ctx, c, pathTo("sales"), "sales", url.Values{}, limit)
}

// Sale shows a sale.
func (c Client) Sale(ctx context.Context, id sale.ID) (s adminapi.Status, err error) {
	s, _, err = read[adminapi.Status](ctx, c, http.MethodGet, pathTo("sales", string(id)), nil)
	return s, err
}

// ChangeSale changes the terms that the JSON object names.
func (c Client) ChangeSale(ctx context.Context, id sale.ID, terms json.RawMessage) (s adminapi.Status, err error) {
	s, _, err = read[adminapi.Status](ctx, c, http.MethodPatch, pathTo("sales", string(id)), terms)
	return s, err
}

// CloseSale stops a sale.
func (c Client) CloseSale(ctx context.Context, id sale.ID) (s adminapi.Status, err error) {
	s, _, err = read[adminapi.Status](ctx, c, http.MethodPost, pathTo("sales", string(id), "close"), nil)
	return s, err
}

// ReopenSale has a sale that was closed go on.
func (c Client) ReopenSale(ctx context.Context, id sale.ID) (s adminapi.Status, err error) {
	s, _, err = read[adminapi.Status](ctx, c, http.MethodPost, pathTo("sales", string(id), "reopen"), nil)
	return s, err
}

// Restock changes a sale's total by delta tickets, once for each key of 1 to 64 characters.
func (c Client) Restock(ctx context.Context, id sale.ID, delta int64, key string) (s adminapi.Status, err error) {
	body, err := json.Marshal(map[string]int64{"delta": delta})
	if err != nil {
		return s, err
	}
	s, _, err = read[adminapi.Status](ctx, c, http.MethodPost, pathTo("sales", string(id), "restock"), body, "Idempotency-Key", key)
	return s, err
}

// Nodes lists the nodes as gossip knows them, and the other parts of the site, each by name.
func (c Client) Nodes(ctx context.Context) (n adminapi.Nodes, err error) {
	n, _, err = read[adminapi.Nodes](ctx, c, http.MethodGet, pathTo("nodes"), nil)
	return n, err
}

// DrainNode takes a node out of the upstream and the plans. force: also if no other node sells.
func (c Client) DrainNode(ctx context.Context, name string, force bool) (n adminapi.Node, err error) {
	var body []byte
	if force {
		body = []byte(`{"force":true}`)
	}
	n, _, err = read[adminapi.Node](ctx, c, http.MethodPost, pathTo("nodes", name, "drain"), body)
	return n, err
}

// UndrainNode lets a node return that was drained.
func (c Client) UndrainNode(ctx context.Context, name string) (n adminapi.Node, err error) {
	n, _, err = read[adminapi.Node](ctx, c, http.MethodPost, pathTo("nodes", name, "undrain"), nil)
	return n, err
}

// WeighNode gives a node a weight while it runs, or with 0 the one back that it was started with.
func (c Client) WeighNode(ctx context.Context, name string, weight int) (n adminapi.Node, err error) {
	body := []byte(`{"own":true}`)
	if weight != 0 {
		body = fmt.Appendf(nil, `{"weight":%d}`, weight)
	}
	n, _, err = read[adminapi.Node](ctx, c, http.MethodPost, pathTo("nodes", name, "weight"), body)
	return n, err
}

// Holds returns what a node remembers of a sale.
func (c Client) Holds(ctx context.Context, id sale.ID) (h adminapi.Holds, err error) {
	h, _, err = read[adminapi.Holds](ctx, c, http.MethodGet, pathTo("sales", string(id), "holds"), nil)
	return h, err
}
