// Package client asks the admin APIs of allocators and nodes.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// maxAnswer bounds an answer in bytes: a node remembers at most 131,072 holds of some 400 bytes.
const maxAnswer = 128 << 20

// Client asks one allocator or node.
type Client struct {
	Addr  string       // host:port of the admin port
	Token string       // the operators' bearer token
	HTTP  *http.Client // nil: [http.DefaultClient]
}

// Call sends a request and returns the body of a 2xx answer; any other answer is an error with
// its status and the beginning of its body. header is names and values in turn.
func (c Client) Call(ctx context.Context, method, path string, body []byte, header ...string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.Addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := cmp.Or(c.HTTP, http.DefaultClient).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.1000s", method, path, answer.Status, text)
	}
	return text, nil
}

// Holds returns what a node remembers of a sale.
func (c Client) Holds(ctx context.Context, id sale.ID) (h adminapi.Holds, err error) {
	body, err := c.Call(ctx, http.MethodGet, "/admin/v1/sales/"+string(id)+"/holds", nil)
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(body, &h)
}
