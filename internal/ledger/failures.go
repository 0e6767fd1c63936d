package ledger

import (
	"errors"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/sale"
)

// The kinds of failures, by what an operator does about them.
var (
	redisAway = &failurelog.Kind{Level: zap.WarnLevel, Shared: true,
		Begins: "Redis is away; what is in the streams waits there", Over: "Redis is back"}
	databaseAway = &failurelog.Kind{Level: zap.WarnLevel, Shared: true,
		Begins: "PostgreSQL is away; selling goes on and the streams keep what waits", Over: "PostgreSQL is back"}
	contradiction = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "the sale's stream contradicts the ledger; its head and all behind it wait there, nothing is skipped: an operator must decide",
		Over:   "the sale's stream contradicts the ledger no more"}
	dataLost = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "the sale has lost data and is shut until it is reconciled: onsale reconcile shows what was found", Over: "the sale is no longer shut"}
	decisionNeeded = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "the sale can't be reconciled by itself: onsale reconcile shows what there is to decide", Over: "the sale is reconciled"}
	notTaken = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "PostgreSQL can't take the sale's events; they wait in the stream", Over: "PostgreSQL takes the sale's events again"}
)

// failureKey is where a failure shows.
type failureKey struct {
	op Op
	id sale.ID // empty for what concerns no single sale
}

// failures reports failures: every one to the hooks, and to the log that a kind of failure began
// and that it is over. It is shared by all goroutines of a ledger.
type failures struct {
	log   *zap.Logger
	hooks Hooks
	seen  *failurelog.Log[failureKey]
}

func newFailures(log *zap.Logger, hooks Hooks) *failures {
	return &failures{log: log, hooks: hooks, seen: failurelog.New(log, func(at failureKey, kind *failurelog.Kind) []zap.Field {
		fields := []zap.Field{zap.String("op", string(at.op))}
		if !kind.Shared {
			fields = append(fields, zap.String("sale", string(at.id)))
		}
		return fields
	})}
}

// note takes the result of one call. A caller that stops notes nothing.
func (f *failures) note(op Op, id sale.ID, err error, where ...zap.Field) {
	if err != nil && f.hooks.Failed != nil {
		f.hooks.Failed(op, err)
	}
	f.seen.Note(failureKey{op, id}, kindOf(op, err), err, where...)
}

// leave forgets the failures of a sale that is no longer read here.
func (f *failures) leave(id sale.ID) {
	f.seen.Forget(func(at failureKey) bool { return at.id == id })
}

// kindOf is the kind of failure that an error is; nil if it is none.
func kindOf(op Op, err error) *failurelog.Kind {
	switch {
	case err == nil:
		return nil
	case op == OpChain, errors.Is(err, sale.ErrLost):
		return dataLost
	case op == OpReconcile && !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, ErrAway):
		return decisionNeeded
	case op != OpCommit && op != OpPing && !errors.Is(err, ErrAway):
		return redisAway
	case errors.Is(err, ErrAway):
		return databaseAway
	case errors.Is(err, ErrRefused):
		return contradiction
	}
	return notTaken
}
