package adminapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// Holds is what a node remembers of one sale: the holds that it acknowledged in the last
// minute, and the highest mark of the sale's chain that it has seen.
type Holds struct {
	Node  string           `json:"node"`
	Sale  sale.ID          `json:"sale"`
	Seen  sale.Mark        `json:"seen"`
	Holds []reconcile.Hold `json:"holds"`
}

const holdsPath = "/admin/v1/sales/{id}/holds"

// RegisterHolds adds the one route that nodes serve. Operators and ledgers read there what
// Redis and the ledger may have lost. Without a token the route refuses everybody.
func RegisterHolds(mux *http.ServeMux, token string, holds func(sale.ID) Holds, log *zap.Logger) error {
	if token == "" {
		mux.HandleFunc(holdsPath, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this node has no admin token: start it with --admin-token-file", http.StatusForbidden)
		})
		return nil
	}
	h, err := New(nil, nil, token, log)
	if err != nil {
		return err
	}
	mux.Handle("GET "+holdsPath, h.guard(func(w http.ResponseWriter, r *http.Request) error {
		id, err := saleID(r)
		if err != nil {
			return err
		}
		h.write(w, http.StatusOK, "application/json", holds(id))
		return nil
	}))
	mux.Handle(holdsPath, h.guard(notAllowed([]string{http.MethodGet})))
	return nil
}

// maxHolds bounds what is read of a node's answer: 131,072 holds of some 400 bytes.
const maxHolds = 128 << 20

// AskHolds asks the node whose admin port is at addr.
func AskHolds(ctx context.Context, client *http.Client, addr, token string, id sale.ID) (h Holds, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/admin/v1/sales/"+string(id)+"/holds", nil)
	if err != nil {
		return h, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		return h, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxHolds))
	if err != nil {
		return h, err
	}
	if answer.StatusCode != http.StatusOK {
		return h, fmt.Errorf("%s: %.200s", answer.Status, body)
	}
	return h, json.Unmarshal(body, &h)
}
