package app_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/app"
)

// probed is the least configuration that can be probed.
type probed struct{ Admin string }

func (c probed) AdminAddress() string { return c.Admin }

// probe runs a command line with --probe, and fails the test if the program itself runs.
func probe(t *testing.T, admin string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := app.Command(t.Context(), "program", "", []string{"--probe", "--admin=" + admin}, &out, func(context.Context, probed, app.Log) error {
		t.Error("the program runs, want it to probe another one")
		return nil
	})
	return out.String(), err
}

func TestProbeExitsByTheProgramsReadiness(t *testing.T) {
	unready := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/readyz":
			http.NotFound(w, r)
		case unready:
			http.Error(w, "not ready: Redis does not answer\nand a note", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ready\na note\n"))
		}
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, _ := strings.Cut(addr, ":")
	t.Setenv("http_proxy", "http://127.0.0.1:9") // must not be used
	for name, admin := range map[string]string{"its address": addr, "every interface": ":" + port, "every interface of IPv4": "0.0.0.0:" + port, "every interface of IPv6": "[::]:" + port} {
		if got, err := probe(t, admin); got != "ready\n" || err != nil {
			t.Errorf("ready, at %s: got %q, %v, want one line", name, got, err)
		}
	}
	unready = true
	if got, err := probe(t, addr); got != "" || err == nil || err.Error() != "not ready: Redis does not answer" {
		t.Errorf("not ready: got %q, %v, want the reason as an error of one line", got, err)
	}
	server.Close()
	if got, err := probe(t, addr); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("nobody answers: got %q, %v, want an error of one line", got, err)
	}
}
