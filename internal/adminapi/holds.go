package adminapi

import (
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
func RegisterHolds(mux *http.ServeMux, tokens Tokens, holds func(sale.ID) Holds, log *zap.Logger) error {
	if len(tokens) == 0 {
		mux.HandleFunc(holdsPath, refuseAll)
		return nil
	}
	h, err := New(nil, nil, nil, tokens, log)
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
