package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// What the operator sent wrongly.
var (
	errInput  = errors.New("invalid request")
	errPath   = errors.New("no such path")
	errMethod = errors.New("method not allowed")
)

func classify(err error) (status int, code string) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, "body-too-large"
	case errors.Is(err, errPath):
		return http.StatusNotFound, "not-found"
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed, "method-not-allowed"
	case errors.Is(err, errInput):
		return http.StatusUnprocessableEntity, "invalid-request"
	case errors.Is(err, sale.ErrNoSale):
		return http.StatusNotFound, "sale-unknown"
	case errors.Is(err, sale.ErrNoOrder):
		return http.StatusNotFound, "order-unknown"
	case errors.Is(err, sale.ErrNoPayment):
		return http.StatusNotFound, "payment-unknown"
	case errors.Is(err, sale.ErrConflict):
		return http.StatusConflict, "conflict"
	case errors.Is(err, sale.ErrLost):
		return http.StatusServiceUnavailable, "sale-lost"
	case errors.Is(err, sale.ErrUnavailable):
		return http.StatusServiceUnavailable, "store-unavailable"
	case errors.Is(err, sale.ErrUnknown):
		return http.StatusServiceUnavailable, "outcome-unknown"
	}
	return http.StatusInternalServerError, "internal"
}

func (h *Handler) problem(w http.ResponseWriter, status int, code string, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if status >= http.StatusInternalServerError {
		h.log.Warn("admin request failed", zap.String("code", code), zap.Error(err))
	}
	h.write(w, status, "application/problem+json", map[string]any{
		"type": "https://onsale.dev/problems/" + code, "title": http.StatusText(status),
		"status": status, "code": code, "detail": err.Error(),
	})
}

func (h *Handler) write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		h.log.Error("can't render an admin answer", zap.Error(err))
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		h.log.Debug("admin client went away", zap.Error(err))
	}
}

func notFound(http.ResponseWriter, *http.Request) error { return errPath }

func notAllowed(methods []string) call {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return fmt.Errorf("%w: %s", errMethod, r.Method)
	}
}

func saleID(r *http.Request) (sale.ID, error) {
	id, err := sale.ParseID(r.PathValue("id"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errInput, err)
	}
	return id, nil
}
