package adminapi

import (
	"cmp"
	"maps"
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
	piece := func(after string, limit int) (count int, next string, err error) {
		var more sale.PaymentPage
		o, more, err = h.stock.OrderPayments(r.Context(), id, sale.OrderID(r.PathValue("order")), after, limit)
		extend(&payments, more)
		return min(len(more.Payments), limit), more.Next, err // the payment that has paid it is beyond the limit
	}
	if page.after == "" { // an order waits for no turn: few have a long list
		var count int
		count, page.after, err = piece("", min(page.limit, pieceLimit))
		page.limit -= count
	}
	if err == nil && page.limit > 0 && page.after != "" {
		_, err = h.rest.list(r.Context(), page, piece)
	}
	if err != nil {
		return err
	}
	h.write(w, http.StatusOK, "application/json", newOrder(id, o, payments))
	return nil
}

// refund ends a paid order. Its tickets go back on sale, and what is left of its payment is
// due. With an amount, so much of the payment is due, and the order stays as it is. What it
// answers comes with the refund itself: if it were read afterwards, a failure would report
// that nothing was done.
func (h *Handler) refund(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	part, amount, err2 := refundWanted(r)
	if err := cmp.Or(err, err2); err != nil {
		return err
	}
	order, refund := sale.OrderID(r.PathValue("order")), sale.Refund{}
	if part == "" {
		refund, err = h.stock.Refund(r.Context(), id, order)
	} else {
		refund, err = h.stock.RefundPart(r.Context(), id, order, part, amount)
	}
	switch {
	case err != nil:
		return err
	case refund.Replayed:
	case part == "":
		h.log.Info("order refunded", zap.String("sale", string(id)), zap.String("order", string(refund.Order.ID)))
	default:
		h.log.Info("a part of an order's payment is due to go back", zap.String("sale", string(id)),
			zap.String("order", string(refund.Order.ID)), zap.String("part", string(part)), zap.Int64("amount", amount))
	}
	h.write(w, http.StatusOK, "application/json", newOrder(id, refund.Order, refund.Payments))
	return nil
}

// refundWanted reads a request for a refund: of an order, which needs no body, or of a part
// of its payment. That has a name, so that sent again it is made once.
func refundWanted(r *http.Request) (part sale.PaymentID, amount int64, err error) {
	var change struct {
		Amount given[int64] `json:"amount"`
	}
	if err := decodeIfAny(r, &change); err != nil || !change.Amount.set {
		return "", 0, err
	}
	var f faults
	if take(&f, "amount", change.Amount, &amount) && (amount < 1 || amount > sale.MaxAmount) {
		f.add("amount: want 1 to %d minor units", int64(sale.MaxAmount))
	}
	if part, err = sale.ParsePaymentID(r.Header.Get("Idempotency-Key")); err != nil {
		f.add("send an Idempotency-Key header of 1 to %d visible ASCII characters: it names the refund of this amount", sale.MaxPaymentIDLength)
	}
	return part, amount, f.err()
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
	_, err = h.rest.list(r.Context(), page, func(after string, limit int) (count int, next string, err error) {
		more, err := h.stock.Payments(r.Context(), id, state, after, limit)
		extend(&payments, more)
		return len(more.Payments), more.Next, err
	})
	if err != nil {
		return err
	}
	h.paged(w, r, "refunds", newPayments(payments), payments.Next)
	return nil
}

// extend adds the next piece of a page.
func extend(page *sale.PaymentPage, piece sale.PaymentPage) {
	page.Payments = append(page.Payments, piece.Payments...)
	if page.Refunded == nil {
		page.Refunded = map[sale.PaymentID]int64{}
	}
	maps.Copy(page.Refunded, piece.Refunded)
	page.Next = piece.Next
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
	h.write(w, http.StatusOK, "application/json", newPayment(p, 0))
	return nil
}
