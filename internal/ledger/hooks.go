package ledger

import (
	"time"

	"onsale/internal/sale"
)

// Op names a call that can fail. The set is closed: it is a metric label.
type Op string

// The calls, by what they ask.
const (
	OpRegistry  Op = "registry"  // Redis: which ledgers run
	OpSales     Op = "sales"     // Redis: which sales there are
	OpLease     Op = "lease"     // Redis: whose a sale is
	OpBacklog   Op = "backlog"   // Redis: what waits in a stream
	OpEvents    Op = "events"    // Redis: the stream's entries
	OpForget    Op = "forget"    // Redis: deleting what was committed
	OpCommit    Op = "commit"    // PostgreSQL
	OpPing      Op = "ping"      // PostgreSQL
	OpChain     Op = "chain"     // Redis and PostgreSQL compared: one of them has lost data
	OpShut      Op = "shut"      // Redis: stopping a sale that has lost data
	OpReconcile Op = "reconcile" // putting the two together again
)

// Hooks show an observer what the ledger does. Nil hooks are not called. They are called from
// several goroutines at once and must not block.
type Hooks struct {
	// Lag: so many entries wait in a sale's stream, the oldest for so long. It is called for
	// every sale, also where another ledger reads it or nobody does, and once more with 0
	// when the sale is dropped. Of a sale that rests it is 0.
	Lag func(id sale.ID, entries int64, age time.Duration)
	// Reading: this ledger began or ceased to read the sale's stream.
	Reading func(id sale.ID, reading bool)
	// Committed: one batch of a stream is in PostgreSQL; how long the transaction took.
	Committed func(id sale.ID, entries, orders int, took time.Duration)
	// Traced: a batch with orders that were taken in these traces, at least one, is about to be recorded. It returns what is
	// called with the result.
	Traced func(id sale.ID, entries, orders int, traces []sale.Trace) (end func(error))
	// Lost: the sale that this ledger reads has lost data and is shut, or it is not. It is
	// called with the first look of a reader and when that changes, and with false when the
	// reading ends: anyone who reads then reports it.
	Lost func(id sale.ID, lost bool)
	// Stalled: nothing of what waits for the sale has been recorded for a while, whatever the reason, or something has.
	// Called at every look for every sale that does not rest.
	Stalled func(id sale.ID, stalled bool)
	// Dropped: the sale is archived, and looked at no more.
	Dropped func(id sale.ID)
	// Failed: a call failed. Every failure is reported, also repeated ones.
	Failed func(op Op, err error)
	// Unreadable: so many entries of one batch were quarantined. A batch that is committed
	// again after a failure is reported again.
	Unreadable func(id sale.ID, entries int)
}
