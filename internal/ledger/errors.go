package ledger

import "errors"

// Errors of a [Store], sorted by what somebody can do about them. A failure that is none of
// these is the database's own text, such as a missing table or a full disk.
var (
	// ErrAway: PostgreSQL can't be reached, starts up, shuts down, has no connection to
	// spare or takes no writes. It may have committed. Waiting helps.
	ErrAway = errors.New("PostgreSQL is away")
	// ErrRefused: what was to be written contradicts what is recorded, and nothing of it
	// was written. Waiting does not help: an operator must decide.
	ErrRefused = errors.New("it contradicts what the ledger has recorded")
	// ErrMoved: the record is no longer at the mark from which a batch begins. The reader
	// reads its chain again.
	ErrMoved = errors.New("the record has moved on")
)
