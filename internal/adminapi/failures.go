package adminapi

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/problem"
)

// settled is how long no call has failed until failing is over. Raised, it is reported later that all is well; lowered,
// a client that asks again and again for one thing that fails and one that does not makes more lines.
const settled = time.Minute

// failing is logged when calls begin to fail with a code, and when they don't any more: onsale top alone asks every
// second, and a line for each of its calls would bury what matters.
var failing = &failurelog.Kind{Level: zap.WarnLevel, Begins: "admin calls fail, or are answered in part", Over: "admin calls succeed again"}

// failures are the calls that ended with 5xx, or were answered without a part of what was asked for.
type failures struct {
	seen *failurelog.Log[string] // by the problem's code

	mu   sync.Mutex
	last map[string]time.Time // when a call failed, by code; those that are not over
}

func newFailures(log *zap.Logger) *failures {
	return &failures{last: map[string]time.Time{}, seen: failurelog.New(log, func(code string, _ *failurelog.Kind) []zap.Field {
		return []zap.Field{zap.String("code", code)}
	})}
}

// note takes a failure. One that the caller has caused, or is to mend, is none.
func (f *failures) note(p problem.Problem, cause error, more ...zap.Field) {
	if p.Status < http.StatusInternalServerError {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[p.Code] = time.Now()
	f.seen.Note(p.Code, failing, cause, more...)
}

// succeeded takes a call that was answered, if only in part: what it lacks was noted before.
func (f *failures) succeeded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for code, last := range f.last {
		if time.Since(last) >= settled {
			delete(f.last, code)
			f.seen.Note(code, nil, nil)
		}
	}
}
