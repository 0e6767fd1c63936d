package adminapi

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log is how much a process logs: debug, info, warn or error.
type Log struct {
	Level string `json:"level"`
}

const logPath = "/admin/v1/log"

// logRoutes are served by every program, see [RegisterLog].
var logRoutes = []string{"GET " + logPath, "PUT " + logPath}

// RegisterLog adds the routes that show and change the level of a process's log while it runs.
// Without a token they refuse everybody.
func RegisterLog(mux *http.ServeMux, tokens Tokens, level zap.AtomicLevel, log *zap.Logger) error {
	if len(tokens) == 0 {
		mux.HandleFunc(logPath, refuseAll)
		return nil
	}
	h, err := New(nil, nil, nil, tokens, log)
	if err != nil {
		return err
	}
	show := func(w http.ResponseWriter, _ *http.Request) error {
		h.write(w, http.StatusOK, "application/json", Log{level.String()})
		return nil
	}
	mux.Handle("GET "+logPath, h.guard(show))
	mux.Handle("PUT "+logPath, h.guard(func(w http.ResponseWriter, r *http.Request) error {
		to, err := decodeLevel(r)
		if err != nil {
			return err
		}
		setLevel(level, to, log)
		return show(w, r)
	}))
	mux.Handle(logPath, h.guard(notAllowed([]string{http.MethodGet, http.MethodPut})))
	return nil
}

func decodeLevel(r *http.Request) (zapcore.Level, error) {
	var wanted Log
	if err := decode(r, &wanted); err != nil {
		return 0, err
	}
	switch wanted.Level { // zap has levels at which a program would end
	case "debug", "info", "warn", "error":
		return zapcore.ParseLevel(wanted.Level)
	}
	return 0, fmt.Errorf("%w: level %.20q: want debug, info, warn or error", errInput, wanted.Level)
}

// setLevel logs the change while the lower of the two levels holds: a log that falls silent has a line that explains it.
func setLevel(level zap.AtomicLevel, to zapcore.Level, log *zap.Logger) {
	from := level.Level()
	note := func() {
		log.Info("log level changed", zap.Stringer("from", from), zap.Stringer("to", to))
	}
	switch {
	case to > from:
		note()
		level.SetLevel(to)
	case to < from:
		level.SetLevel(to)
		note()
	}
}
