package client

import (
	"context"
	"encoding/json"
	"net/http"

	"onsale/internal/adminapi"
)

// Log returns how much the process logs.
func (c Client) Log(ctx context.Context) (l adminapi.Log, err error) {
	l, _, err = read[adminapi.Log](ctx, c, http.MethodGet, pathTo("log"), nil)
	return l, err
}

// SetLog changes how much the process logs, until it ends: debug, info, warn or error.
func (c Client) SetLog(ctx context.Context, level string) (l adminapi.Log, err error) {
	body, err := json.Marshal(adminapi.Log{Level: level})
	if err != nil {
		return l, err
	}
	l, _, err = read[adminapi.Log](ctx, c, http.MethodPut, pathTo("log"), body)
	return l, err
}
