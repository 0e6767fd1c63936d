package ledger

import (
	"errors"
	"sync"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// trouble is a kind of failure, by what an operator does about it.
type trouble int

const (
	none      trouble = iota
	noRedis           // for all sales alike
	noLedger          // PostgreSQL is away, for all sales alike
	refused           // one sale's stream contradicts the record
	lost              // one sale has lost data and is shut
	undecided         // one sale can't be reconciled
	otherwise         // PostgreSQL answers, with an error of another kind
)

// messages are what the log says when a trouble begins and when it is over.
var messages = [...]struct{ begins, ends string }{
	noRedis:   {"Redis is away; what is in the streams waits there", "Redis is back"},
	noLedger:  {"PostgreSQL is away; selling goes on and the streams keep what waits", "PostgreSQL is back"},
	refused:   {"the sale's stream contradicts the ledger; its head and all behind it wait there, nothing is skipped: an operator must decide", "the sale's stream contradicts the ledger no more"},
	lost:      {"the sale has lost data and is shut until it is reconciled: onsale reconcile shows what was found", "the sale is no longer shut"},
	undecided: {"the sale can't be reconciled by itself: onsale reconcile shows what there is to decide", "the sale is reconciled"},
	otherwise: {"PostgreSQL can't take the sale's events; they wait in the stream", "PostgreSQL takes the sale's events again"},
}

// spot is where a trouble shows.
type spot struct {
	op Op
	id sale.ID // empty for what concerns no single sale
}

// journal reports failures: every one to the hooks, but to the log only that a trouble began
// and that it is over. What all sales share is logged once for all of them. It is shared by all
// goroutines of a ledger.
type journal struct {
	log   *zap.Logger
	hooks Hooks

	mu    sync.Mutex
	spots map[spot]trouble
}

func newJournal(log *zap.Logger, hooks Hooks) *journal {
	return &journal{log: log, hooks: hooks, spots: map[spot]trouble{}}
}

// note takes the result of one call. A caller that stops notes nothing.
func (j *journal) note(op Op, id sale.ID, err error, where ...zap.Field) {
	if err != nil {
		j.hooks.Failed(op, err)
	}
	at, is := spot{op, id}, troubleOf(op, err)
	j.mu.Lock()
	defer j.mu.Unlock()
	was := j.spots[at]
	if was == is {
		return
	}
	if is == none {
		delete(j.spots, at)
	} else {
		first := !is.shared() || !j.shows(is)
		j.spots[at] = is
		if first {
			j.log.Warn(messages[is].begins, append(is.fields(at), append(where, zap.Error(err))...)...)
		}
	}
	if was != none && !(was.shared() && j.shows(was)) {
		j.log.Info(messages[was].ends, was.fields(at)...)
	}
}

// leave forgets the troubles of a sale that is no longer read here.
func (j *journal) leave(id sale.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for at := range j.spots {
		if at.id == id {
			delete(j.spots, at)
		}
	}
}

// shows reports whether a trouble shows anywhere.
func (j *journal) shows(t trouble) bool {
	for _, is := range j.spots {
		if is == t {
			return true
		}
	}
	return false
}

func (t trouble) shared() bool { return t == noRedis || t == noLedger }

func (t trouble) fields(at spot) []zap.Field {
	fields := []zap.Field{zap.String("op", string(at.op))}
	if !t.shared() {
		fields = append(fields, zap.String("sale", string(at.id)))
	}
	return fields
}

// troubleOf says what kind of trouble an error is.
func troubleOf(op Op, err error) trouble {
	switch {
	case err == nil:
		return none
	case op == OpChain, errors.Is(err, sale.ErrLost):
		return lost
	case op == OpReconcile && !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, ErrAway):
		return undecided
	case op != OpCommit && op != OpPing && !errors.Is(err, ErrAway):
		return noRedis
	case errors.Is(err, ErrAway):
		return noLedger
	case errors.Is(err, ErrRefused):
		return refused
	}
	return otherwise
}
