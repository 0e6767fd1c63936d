package adminapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// create opens a sale, once: sent again it changes nothing.
func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	var d creation
	if err := decode(r, &d); err != nil {
		return err
	}
	s, err := d.sale()
	if err != nil {
		return err
	}
	created, err := h.stock.Open(r.Context(), s)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		h.log.Info("sale opened", zap.String("sale", string(s.ID)), zap.Int64("total", s.Total))
	}
	w.Header().Set("Location", "/admin/v1/sales/"+string(s.ID))
	v, err := h.recorded(r, s.ID)
	if err != nil {
		return err
	}
	if !v.Recorded {
		h.log.Warn("sale does not sell until the ledger has recorded it", zap.String("sale", string(s.ID)))
		w.Header().Set("Warning", `199 onsale "created, not selling until the ledger has recorded it"`)
	}
	h.write(w, status, "application/json", newStatus(v))
	return nil
}

const (
	// recordWait is for how long a creation waits for the ledger. Raised, operators wait
	// longer on a ledger that is away; lowered, a slow one makes a needless warning.
	recordWait = 5 * time.Second
	recordPoll = 20 * time.Millisecond
)

// recorded waits until the ledger has recorded a sale, or has shut it: a sale that the
// ledger knows already is never opened twice by accident. A look that fails is made again: the
// sale is opened, and Redis may only be slow.
func (h *Handler) recorded(r *http.Request, id sale.ID) (v sale.Survey, err error) {
	for deadline := time.Now().Add(h.wait); ; {
		v, err = h.stock.Survey(r.Context(), id)
		answered := errors.Is(err, sale.ErrNoSale) || errors.Is(err, sale.ErrLost)
		switch transient := errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable); {
		case err != nil && (answered || !transient || time.Now().After(deadline)):
			return v, done(err)
		case err == nil && v.Lost != "":
			return v, sale.Conflict("sale %s was opened before, and Redis has lost it: %s. It is shut, and nothing sells. A ledger that reconciles by itself brings back what was sold within seconds; otherwise run onsale reconcile %s", id, v.Lost, id)
		case err == nil && (v.Recorded || time.Now().After(deadline)):
			return v, nil
		}
		if !pause.For(r.Context(), recordPoll) {
			return v, done(r.Context().Err())
		}
	}
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	return h.respond(w, r, id)
}

func (h *Handler) respond(w http.ResponseWriter, r *http.Request, id sale.ID) error {
	v, err := h.stock.Survey(r.Context(), id)
	if err != nil {
		return err
	}
	h.write(w, http.StatusOK, "application/json", newStatus(v))
	return nil
}

// done is the error of a sale that can't be shown after it was changed. Whatever the reason,
// it must not report that nothing was done.
func done(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w, and the sale can't be shown: %w: %v", errDone, sale.ErrUnknown, err)
}

// list shows a page of the sales, by id. One that can't be read is named with its problem among
// the others: they are wanted most when something is wrong.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	page, err := pageWanted(r)
	if err != nil {
		return err
	}
	ids, err := h.stock.Sales(r.Context())
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id sale.ID) bool { return page.after != "" && string(id) <= page.after })
	slices.Sort(ids)
	next := ""
	if len(ids) > page.limit {
		ids = ids[:page.limit]
		next = string(ids[page.limit-1])
	}
	sales := make([]any, 0, len(ids))
	for _, id := range ids {
		v, err := h.stock.Survey(r.Context(), id)
		if err != nil {
			p := classify(err)
			h.fails.note(p, err, zap.String("sale", string(id)))
			sales = append(sales, Unreadable{ID: string(id), Code: p.Code, Detail: detail(p, err)})
			continue
		}
		sales = append(sales, newStatus(v))
	}
	h.paged(w, r, "sales", sales, next)
	return nil
}

func (h *Handler) setClosed(closed bool) call {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := saleID(r)
		if err := cmp.Or(err, nothing(r)); err != nil {
			return err
		}
		if err := h.stock.SetClosed(r.Context(), id, closed); err != nil {
			return err
		}
		h.log.Info("sale closed or reopened", zap.String("sale", string(id)), zap.Bool("closed", closed))
		return done(h.respond(w, r, id))
	}
}

// change gives a sale other terms: those that are named. Which may change when is Redis's to
// decide. Sent again it changes nothing.
func (h *Handler) change(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	var t terms
	if err := decode(r, &t); err != nil {
		return err
	}
	var was, is sale.Sale
	err = h.stock.Change(r.Context(), id, func(d *sale.Sale) error {
		was = *d
		err := t.changed(d)
		is = *d
		return err
	})
	if err != nil {
		return err
	}
	if was != is {
		h.log.Info("sale changed", zap.String("sale", string(id)), zap.Any("from", newDefinition(was)), zap.Any("to", newDefinition(is)))
	}
	return done(h.respond(w, r, id))
}

// restock wants an Idempotency-Key, so that an operator whose answer was lost
// can send the change again without making it twice.
func (h *Handler) restock(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	var change struct {
		Delta given[int64] `json:"delta"`
	}
	if err := decode(r, &change); err != nil {
		return err
	}
	key := r.Header.Get("Idempotency-Key")
	var f faults
	if key == "" || len(key) > 64 || strings.ContainsAny(key, " \t") {
		f.add("send an Idempotency-Key header of 1 to 64 characters without blanks")
	}
	var delta int64
	if given := take(&f, "delta", change.Delta, &delta); given && (delta == 0 || delta > sale.MaxTotal || delta < -sale.MaxTotal) || !change.Delta.set {
		f.add("delta: want a whole number other than 0, at most %d", sale.MaxTotal)
	}
	if err := f.err(); err != nil {
		return err
	}
	if _, err := h.stock.Restock(r.Context(), id, delta, key); err != nil {
		return err
	}
	h.log.Info("sale restocked", zap.String("sale", string(id)), zap.Int64("delta", delta), zap.String("key", key))
	return done(h.respond(w, r, id))
}
