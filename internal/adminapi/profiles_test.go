package adminapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
)

// A stranger on the admin port read the process's memory and its command line.
func TestProfilesAreForOperators(t *testing.T) {
	profile := func(mine, method, path, authorization string) (int, string) {
		mux := http.NewServeMux()
		if err := adminapi.RegisterProfiles(mux, tokens(mine), zap.NewNop()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(method, path, strings.NewReader("0x1"))
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(body)
	}
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/debug/pprof/", "goroutine"}, {"GET", "/debug/pprof/goroutine?debug=1", "goroutine profile"},
		{"GET", "/debug/pprof/heap?debug=1", "heap profile"}, {"GET", "/debug/pprof/cmdline", "adminapi"},
		{"GET", "/debug/pprof/symbol", "num_symbols"}, {"POST", "/debug/pprof/symbol", "num_symbols"}, // as go tool pprof asks
		{"GET", "/debug/pprof/trace?seconds=0.01", "go 1."}, {"GET", "/debug/pprof/profile?seconds=1", "\x1f\x8b"},
	} {
		if status, body := profile(token, c.method, c.path, "Bearer "+token); status != http.StatusOK || !strings.Contains(body, c.want) {
			t.Errorf("%s %s with the token: got %d %.60q, want 200 and %q", c.method, c.path, status, body, c.want)
		}
		for _, wrong := range []string{"", "Bearer ", "Bearer " + token + "x", "Basic " + token} {
			if status, body := profile(token, c.method, c.path, wrong); status != http.StatusUnauthorized || strings.Contains(body, c.want) {
				t.Errorf("%s %s with %q: got %d %.60q, want 401", c.method, c.path, wrong, status, body)
			}
		}
		for _, any := range []string{"", "Bearer ", "Bearer " + token} {
			if status, body := profile("", c.method, c.path, any); status != http.StatusForbidden || !strings.Contains(body, "--admin-token-file") {
				t.Errorf("%s %s of a process without token: got %d %.60q, want 403 and the flag", c.method, c.path, status, body)
			}
		}
	}
	if err := adminapi.RegisterProfiles(http.NewServeMux(), adminapi.Tokens{"short"}, zap.NewNop()); err == nil {
		t.Error("got a token of 5 bytes accepted, want an error")
	}
}
