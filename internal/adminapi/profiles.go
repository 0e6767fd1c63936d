package adminapi

import (
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"go.uber.org/zap"
)

// longAnswer is how long a profile, or the list of a draw, and its answer may take; the server's own limit is no shorter.
const longAnswer = 2 * time.Minute

// takeLong gives the answer to a request longer than others have.
func takeLong(w http.ResponseWriter) error {
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longAnswer))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// RegisterProfiles adds the profiles below /debug/pprof/, for operators alone: they show what is in a process's memory and
// slow it down. Without a token they are refused to everybody.
func RegisterProfiles(mux *http.ServeMux, tokens Tokens, log *zap.Logger) error {
	if len(tokens) == 0 {
		mux.HandleFunc("/debug/pprof/", refuseAll)
		return nil
	}
	h, err := New(nil, nil, nil, tokens, log)
	if err != nil {
		return err
	}
	guarded := func(profile http.HandlerFunc) http.Handler {
		return h.guard(func(w http.ResponseWriter, r *http.Request) error {
			if err := takeLong(w); err != nil {
				return err
			}
			profile(w, r)
			return nil
		})
	}
	mux.Handle("GET /debug/pprof/", guarded(pprof.Index))
	mux.Handle("GET /debug/pprof/cmdline", guarded(pprof.Cmdline))
	mux.Handle("GET /debug/pprof/profile", guarded(pprof.Profile))
	mux.Handle("GET /debug/pprof/symbol", guarded(pprof.Symbol))
	mux.Handle("POST /debug/pprof/symbol", guarded(pprof.Symbol)) // how go tool pprof asks
	mux.Handle("GET /debug/pprof/trace", guarded(pprof.Trace))
	mux.Handle("/debug/pprof/", h.guard(notAllowed([]string{http.MethodGet})))
	return nil
}
