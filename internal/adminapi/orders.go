package adminapi

import (
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// order shows one order, whosever it is, with its payments.
func (h *Handler) order(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	o, err := h.stock.Order(r.Context(), id, sale.OrderID(r.PathValue("order")))
	if err != nil {
		return err
	}
	return h.respondOrder(w, r, id, o)
}

func (h *Handler) respondOrder(w http.ResponseWriter, r *http.Request, id sale.ID, o sale.Order) error {
	payments, err := h.stock.Payments(r.Context(), id)
	if err != nil {
		return err
	}
	h.write(w, http.StatusOK, "application/json", newOrder(id, o, payments))
	return nil
}

// refund ends a paid order. Its tickets go back on sale, and its payment is due.
func (h *Handler) refund(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	receipt, err := h.stock.Refund(r.Context(), id, sale.OrderID(r.PathValue("order")))
	if err != nil {
		return err
	}
	if !receipt.Replayed {
		h.log.Info("order refunded", zap.String("sale", string(id)), zap.String("order", string(receipt.Order.ID)))
	}
	return h.respondOrder(w, r, id, receipt.Order)
}

// refunds lists the payments that are due to go back. With ?state=settled it
// lists those that have gone, with ?state=applied those that have not to.
func (h *Handler) refunds(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	state, err := stateWanted(r)
	if err != nil {
		return err
	}
	// A sale without payments and no sale look alike in the payments' key.
	if _, err := h.stock.Survey(r.Context(), id); err != nil {
		return err
	}
	payments, err := h.stock.Payments(r.Context(), id)
	if err != nil {
		return err
	}
	list := []Payment{}
	for _, p := range payments {
		if p.State == state {
			list = append(list, newPayment(p))
		}
	}
	h.write(w, http.StatusOK, "application/json", map[string]any{"refunds": list})
	return nil
}

// settle notes that a payment that was due has gone back.
func (h *Handler) settle(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	payment, err := paymentToSettle(r)
	if err != nil {
		return err
	}
	p, err := h.stock.Settle(r.Context(), id, payment)
	if err != nil {
		return err
	}
	h.log.Info("refund settled", zap.String("sale", string(id)), zap.String("payment", string(payment)))
	h.write(w, http.StatusOK, "application/json", newPayment(p))
	return nil
}
