package strategy

import (
	"context"
	"slices"
	"time"
)

// Strategy is one way of selling. It is safe for concurrent use.
//
// Errors are infrastructure's, never a verdict about stock: [sale.ErrUnavailable]
// where nothing was sold for sure, [sale.ErrUnknown] where the buyer may have an
// order now, and [sale.ErrNoSale] where nothing of that name is on sale.
type Strategy interface {
	// Open puts total tickets on sale under a name that was never used;
	// sale.ErrConflict where it was.
	Open(ctx context.Context, name string, total int64) error
	// Buy sells one ticket to the buyer, or returns why not. The order's id is set
	// for Sold and Replayed; the outcome is NoOutcome with every error.
	Buy(ctx context.Context, name, buyer string) (Outcome, string, error)
	// Orders are all that it sold, as its own store has them afterwards, in no
	// order that one could rely on.
	Orders(ctx context.Context, name string) ([]Order, error)
	// Remaining is what is left, as its store has it.
	Remaining(ctx context.Context, name string) (int64, error)
	// Close ends its connections. It may be called twice.
	Close() error
}

// Order is one record of a strategy's store.
type Order struct {
	ID    string    `json:"id"`
	Buyer string    `json:"buyer"`
	At    time.Time `json:"at"` // by the store's clock, before the buyer was answered
}

// Outcome is what a buyer is answered.
type Outcome uint8

// The outcomes of a purchase.
const (
	NoOutcome Outcome = iota // beside an error; never an answer
	Sold                     // a new order
	Replayed                 // the buyer's order again
	SoldOut                  // no ticket is left
	Conflict                 // others were faster, as often as was tried; nothing was sold, and tickets may be left
)

var outcomeNames = [...]string{"none", "sold", "replayed", "sold-out", "conflict"}

// String is the outcome's stable name.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "invalid"
}

// Stores are the servers that a strategy needs.
type Stores struct{ Redis, Postgres bool }

// Entry describes a strategy to the harness and to the report.
type Entry struct {
	Name  string // as commands and files spell it
	Title string // as a table's reader wants it
	About string // how it sells, in a sentence or two
	// Durable: an order that the buyer was granted survives kill -9 of everything.
	Durable bool
	// Lacks are the parts of the common duty that it does not do.
	Lacks  []string
	Stores Stores
	// Make connects to the stores; its caller closes the strategy.
	Make func(context.Context, Config) (Strategy, error)
}

// All are the strategies that are compared, in the order in which people usually
// come to them.
var All = []Entry{
	rowLockEntry, advisoryEntry, versionEntry, decrementEntry, skipLockedEntry,
	counterEntry, scriptEntry, pipelinedEntry, queueEntry, lockedEntry,
}

// Find returns the entry of that name, among the broken ones too: the harness
// runs them as processes like any other.
func Find(name string) (Entry, bool) {
	entries := slices.Concat(All, Broken)
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return entries[i], true
}
