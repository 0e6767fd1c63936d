package adminapi

import (
	"cmp"
	"net/http"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// order shows one order, whosever it is, with a page of its payments. Nearly always that
// is all of them.
func (h *Handler) order(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	page, err := pageWanted(r)
	if err != nil {
		return err
	}
	var o sale.Order
	var payments sale.PaymentPage
	read := func() (err error) {
		o, payments, err = h.stock.OrderPayments(r.Context(), id, sale.OrderID(r.PathValue("order")), page.after, page.limit)
		return err
	}
	if page.after == "" {
		err = read() // one order is no long list
	} else {
		err = h.rest.read(r.Context(), read)
	}
	if err != nil {
		return err
	}
	h.write(w, http.StatusOK, "application/json", newOrder(id, o, payments))
	return nil
}

// refund ends a paid order. Its tickets go back on sale, and its payment is due. What it
// answers comes with the refund itself: were it read afterwards, a failure would say that
// nothing was done.
func (h *Handler) refund(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err := cmp.Or(err, nothing(r)); err != nil {
		return err
	}
	refund, err := h.stock.Refund(r.Context(), id, sale.OrderID(r.PathValue("order")))
	if err != nil {
		return err
	}
	if !refund.Replayed {
		h.log.Info("order refunded", zap.String("sale", string(id)), zap.String("order", string(refund.Order.ID)))
	}
	h.write(w, http.StatusOK, "application/json", newOrder(id, refund.Order, refund.Payments))
	return nil
}

// refunds lists the payments that are due to go back. With ?state=settled it
// lists those that have gone, with ?state=applied those that have not to.
func (h *Handler) refunds(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	state, err := stateWanted(r)
	page, err2 := pageWanted(r)
	if err := cmp.Or(err, err2); err != nil {
		return err
	}
	var payments sale.PaymentPage
	err = h.rest.read(r.Context(), func() (err error) {
		payments, err = h.stock.Payments(r.Context(), id, state, page.after, page.limit)
		return err
	})
	if err != nil {
		return err
	}
	h.paged(w, r, "refunds", newPayments(payments.Payments), payments.Next)
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
