// Package ledger is the one way from a sale's stream into the record of sales, orders and
// payments: what the stream means, who reads it, and when. How the record is stored in
// PostgreSQL is package postgres, below.
//
// # Invariant
//
// A sale's stream holds exactly what no ledger has committed yet. The reader takes entries
// from the head, commits them in one transaction, and only then deletes precisely those. So
// the stream itself is the cursor, and there is no other: after any crash the next reader
// begins at the head, and what it finds there is either uncommitted or a harmless repeat.
//
// # What makes a repeat harmless
//
// An order's id is its key, and a state is overwritten only along an arrow: held becomes
// paid, expired, cancelled or refunded (a batch may skip paid), paid becomes refunded. Terminal states are written
// before live ones, because a buyer may order again as soon as an order has ended, and the
// index of live orders would refuse the two the other way round. A terminal order is never
// revived, whatever is sent again.
//
// # The chain
//
// A sale's events form a chain, and the record has the mark of the last one that it holds.
// A batch moves it from that mark to another in its own transaction. So a batch is recorded
// once, and a stream that does not continue the record is noticed: Redis or the database has
// lost data. The reader then shuts the sale, and a [Reconciler] unites the two records.
//
// # One reader a sale
//
// Two readers of one sale would do no harm to the orders, but each would wait for the
// other's rows. A lease in Redis picks one, and its token, which rises with every holder, is
// a fence in the [Store]: a reader that was paused for longer than its lease is refused there.
//
// # Nothing is skipped
//
// An entry that can't be read is quarantined in a table, whole, and counted. An entry that
// contradicts what is recorded stays in the stream, and everything after it: an operator
// must decide, and the log names what and where.
package ledger
