package client

import (
	"context"
	"encoding/json"
	"net/http"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// Line shows a sale's line; entries: with the list of its draw, once that is public.
func (c Client) Line(ctx context.Context, id sale.ID, entries bool) (l adminapi.Line, err error) {
	path := pathTo("sales", string(id), "line")
	if entries {
		path += "?entries=1"
	}
	l, _, err = read[adminapi.Line](ctx, c, http.MethodGet, path, nil)
	return l, err
}

// RecordBeacon records what the sale's beacon has published.
func (c Client) RecordBeacon(ctx context.Context, id sale.ID, value string) (l adminapi.Line, err error) {
	body, err := json.Marshal(map[string]string{"value": value})
	if err != nil {
		return l, err
	}
	l, _, err = read[adminapi.Line](ctx, c, http.MethodPost, pathTo("sales", string(id), "line", "beacon"), body)
	return l, err
}
