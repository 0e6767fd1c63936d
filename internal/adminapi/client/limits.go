package client

import (
	"context"
	"encoding/json"
	"net/http"

	"onsale/internal/adminapi"
)

// Limits returns how often buyers may ask the node.
func (c Client) Limits(ctx context.Context) (l adminapi.Limits, err error) {
	l, _, err = read[adminapi.Limits](ctx, c, http.MethodGet, pathTo("limits"), nil)
	return l, err
}

// ChangeLimits changes those limits that are named, by the members of [adminapi.Limits], until the node ends.
func (c Client) ChangeLimits(ctx context.Context, changes json.RawMessage) (l adminapi.Limits, err error) {
	l, _, err = read[adminapi.Limits](ctx, c, http.MethodPatch, pathTo("limits"), changes)
	return l, err
}
