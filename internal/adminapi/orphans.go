package adminapi

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Orphan is a payment for a sale that nobody knows, as an operator sees it.
type Orphan struct {
	Sale string `json:"sale"`
	Payment
}

func newOrphan(o sale.Orphan, refunded int64) Orphan {
	return Orphan{Sale: string(o.Sale), Payment: newPayment(o.Payment, refunded)}
}

// orphans lists the payments for sales that nobody knows and that are due to go back.
// With ?state=settled it lists those that have gone.
func (h *Handler) orphans(w http.ResponseWriter, r *http.Request) error {
	state, err := stateWanted(r)
	if err != nil {
		return err
	}
	page, err := pageWanted(r)
	if err != nil {
		return err
	}
	list := []Orphan{}
	next, err := h.rest.list(r.Context(), page, func(after string, limit int) (count int, next string, err error) {
		orphans, err := h.stock.Orphans(r.Context(), state, after, limit)
		for _, o := range orphans.Orphans {
			list = append(list, newOrphan(o, orphans.Refunded[o.ID]))
		}
		return len(orphans.Orphans), orphans.Next, err
	})
	if err != nil {
		return err
	}
	h.paged(w, r, "orphans", list, next)
	return nil
}

// settleOrphan records that such a payment has gone back.
func (h *Handler) settleOrphan(w http.ResponseWriter, r *http.Request) error {
	payment, err := paymentToSettle(r)
	if err != nil {
		return err
	}
	o, err := h.stock.SettleOrphan(r.Context(), payment)
	if err != nil {
		return err
	}
	h.log.Info("orphan settled", zap.String("sale", string(o.Sale)), zap.String("payment", string(payment)))
	h.write(w, http.StatusOK, "application/json", newOrphan(o, 0))
	return nil
}

// stateWanted is the state of payments that a request asks for; due if it names none.
func stateWanted(r *http.Request) (sale.PaymentState, error) {
	switch state := sale.PaymentState(r.URL.Query().Get("state")); state {
	case "":
		return sale.PaymentDue, nil
	case sale.PaymentDue, sale.PaymentSettled, sale.PaymentApplied:
		return state, nil
	default:
		return "", fmt.Errorf("%w: state %.40q: want due, settled or applied", errInput, state)
	}
}

// paymentToSettle reads a request to settle the payment that its path names.
func paymentToSettle(r *http.Request) (sale.PaymentID, error) {
	payment, err := sale.ParsePaymentID(r.PathValue("payment"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errInput, err)
	}
	var change struct {
		State given[string] `json:"state"`
	}
	if err := decode(r, &change); err != nil {
		return "", err
	}
	var f faults
	var state string
	if take(&f, "state", change.State, &state); len(f) == 0 && state != string(sale.PaymentSettled) {
		f.add("state %.40q: want settled", state)
	}
	return payment, f.err()
}
