package sale

import (
	"errors"
	"fmt"
)

// Infrastructure errors. Anyone who wraps them keeps the cause with %w.
var (
	// ErrUnavailable: Redis could not be asked, or proved that it did not run
	// the script. Nothing was sold. Returned by remotestock.
	ErrUnavailable = errors.New("the stock store is unavailable")
	// ErrUnknown: the call may have run and its answer was lost, and the
	// claim's deadline passed before Redis answered which. Returned by remotestock.
	ErrUnknown = errors.New("the outcome is unknown")
	// ErrUnreachable: no server answered that has the sale's records, which proves
	// nothing about them. It comes with one of the two above. Returned by
	// remotestock for a poll.
	ErrUnreachable = errors.New("no server answered")
	// ErrNoNode: gossip knows no such node, and nothing is set for one. Returned by adminapi.
	ErrNoNode = errors.New("no such node")
	// ErrNoSale: Redis has no such sale. Returned by remotestock.
	ErrNoSale = errors.New("no such sale")
	// ErrLost: the sale has lost data that somebody had seen. It is shut until it is
	// reconciled, and the call changed nothing. Returned by remotestock.
	ErrLost = errors.New("the sale has lost data and is shut until it is reconciled")
	// ErrNoOrder: the sale has no such order, or it is another buyer's: the
	// two look alike on purpose. Returned by remotestock.
	ErrNoOrder = errors.New("no such order")
	// ErrNoPayment: the sale knows no such payment. Returned by remotestock.
	ErrNoPayment = errors.New("no such payment")
	// ErrConflict: the order's or the payment's state does not allow the
	// transition, or the same name exists with another content. Returned by remotestock.
	ErrConflict = errors.New("conflict")
	// ErrFenced: a later lease holder has already written; the caller must
	// stop planning. Returned by remotestock.
	ErrFenced = errors.New("fenced off by a newer lease")
	// ErrLeaseLost: the lease ended, or passed to another; whatever was done
	// under it must stop. Returned by lease.
	ErrLeaseLost = errors.New("the lease was lost")
	// ErrDrawing: another program takes the draw of the line. Returned by remotestock.
	ErrDrawing = errors.New("another program takes the draw")
	// ErrStale: the sale changed after the caller read it; read it again and
	// begin anew. Returned by remotestock.
	ErrStale = errors.New("the sale changed since it was read")
)

// Conflict is an [ErrConflict] that names what stands in the way and no more:
// operators, buyers and payment providers read it.
func Conflict(format string, args ...any) error {
	return because{fmt.Sprintf(format, args...), []error{ErrConflict}}
}

// NoSale is an [ErrNoSale] where Redis was asked, and by whom in its text. It is
// an [ErrUnavailable] too, for anyone who knows that there is such a sale: then its
// data are lost. Its text leaves that open.
func NoSale(what string) error {
	return because{what + ": " + ErrNoSale.Error(), []error{ErrNoSale, ErrUnavailable}}
}

// Lost is an [ErrLost], and an [ErrUnavailable] for callers to whom that is the same.
func Lost(what string, cause error) error {
	return because{what + ": " + ErrLost.Error() + ": " + cause.Error(), []error{ErrLost, ErrUnavailable, cause}}
}

// because is an error of several kinds that keeps their names out of its text.
type because struct {
	text  string
	kinds []error
}

func (b because) Error() string   { return b.text }
func (b because) Unwrap() []error { return b.kinds }
