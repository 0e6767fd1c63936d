// Package audit compares what is known of a sale with itself, to the ticket:
// Redis with its own books, and the ledger with Redis. It reads nothing and
// decides nothing; it reports as text what does not agree.
//
// What the ledger has not committed yet stands in the sale's stream. So the
// ledger is compared after the stream has been folded into it: being behind
// explains a difference only if the stream holds the very events that are
// missing. A ledger that was read after Redis may also be ahead; what it has
// of later moments is left out.
package audit
