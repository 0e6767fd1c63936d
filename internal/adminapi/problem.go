package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"onsale/internal/problem"
	"onsale/internal/sale"
)

// What the operator sent wrongly.
var (
	errInput  = errors.New("invalid request")
	errPath   = errors.New("no such path")
	errMethod = errors.New("method not allowed")
)

// errDone: the change was made.
var errDone = errors.New("the change was made")

// detail is what the operator can do. The text of a network's error or of a fault of this program
// is for the log.
func detail(p problem.Problem, cause error) string {
	switch {
	case errors.Is(cause, errDone):
		return "The change was made, and the sale can't be shown now. Sent again it changes nothing."
	case p.Code == problem.StoreUnavailable.Code:
		return "Redis could not be asked, or refused: nothing was done. Try again in a moment; /readyz and the log of this program name the cause."
	case p.Code == problem.OutcomeUnknown.Code:
		return "Redis's answer was lost, and the change may have been made. Send the request again: it changes nothing twice."
	case p.Code == problem.Internal.Code:
		return p.Detail
	}
	return cause.Error()
}

func classify(err error) problem.Problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return problem.BodyTooLarge
	case errors.Is(err, errPath):
		return problem.NotFound
	case errors.Is(err, errMethod):
		return problem.MethodNotAllowed
	case errors.Is(err, errInput):
		return problem.InvalidRequest
	case errors.Is(err, sale.ErrNoSale):
		return problem.SaleUnknown
	case errors.Is(err, sale.ErrNoNode):
		return problem.NodeUnknown
	case errors.Is(err, sale.ErrNoOrder):
		return problem.OrderUnknown
	case errors.Is(err, sale.ErrNoPayment):
		return problem.PaymentNotFound
	case errors.Is(err, sale.ErrConflict):
		return problem.Conflict
	case errors.Is(err, sale.ErrLost):
		return problem.SaleLost
	case errors.Is(err, sale.ErrUnavailable):
		return problem.StoreUnavailable
	case errors.Is(err, sale.ErrUnknown):
		return problem.OutcomeUnknown
	}
	return problem.Internal
}

func (h *Handler) problem(w http.ResponseWriter, p problem.Problem, cause error) {
	if err := p.Write(w, detail(p, cause)); err != nil {
		h.log.Debug("admin client went away", zap.Error(err))
	}
}

func (h *Handler) write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		h.fails.note(problem.Internal, fmt.Errorf("can't render an answer: %w", err))
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		h.log.Debug("admin client went away", zap.Error(err))
	}
}

// refuseAll answers for a process that has no admin token: nobody may ask.
func refuseAll(w http.ResponseWriter, _ *http.Request) {
	_ = problem.NoToken.Write(w, "") // anyone who hangs up needs no answer
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
