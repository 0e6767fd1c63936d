package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
)

const logPath = "/admin/v1/log"

// serveLog serves the level of a log, as every program's admin port does.
func serveLog(t *testing.T, token string, level zap.AtomicLevel) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(level)
	mux := http.NewServeMux()
	if err := adminapi.RegisterLog(mux, tokens(token), level, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	return serveMux(t, mux), logged
}

func TestTheLevelOfTheLogIsChangedWhileTheProgramRuns(t *testing.T) {
	level := zap.NewAtomicLevelAt(zap.InfoLevel)
	server, logged := serveLog(t, token, level)
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token}
	wantLevel := func(got adminapi.Log, err error, want zapcore.Level) {
		t.Helper()
		if err != nil || got.Level != want.String() || level.Level() != want {
			t.Errorf("got %+v, %v and the log at %v, want %v", got, err, level, want)
		}
	}
	got, err := c.Log(t.Context())
	wantLevel(got, err, zap.InfoLevel)
	// Each change that can be seen at the lower of both levels is a line; none is one where nothing changes.
	for i, c2 := range []struct {
		to    zapcore.Level
		lines int
	}{{zap.DebugLevel, 1}, {zap.DebugLevel, 1}, {zap.ErrorLevel, 2}, {zap.WarnLevel, 2}, {zap.InfoLevel, 3}} {
		got, err := c.SetLog(t.Context(), c2.to.String())
		wantLevel(got, err, c2.to)
		if n := logged.FilterMessage("log level changed").Len(); n != c2.lines {
			t.Errorf("change %d, to %v: got %d lines so far, want %d", i, c2.to, n, c2.lines)
		}
	}
}

func TestTheLevelOfTheLogIsGuarded(t *testing.T) {
	level := zap.NewAtomicLevelAt(zap.InfoLevel)
	server, _ := serveLog(t, token, level)
	const debug = `{"level":"debug"}`
	for _, authorization := range []string{"", "Bearer x", "Basic " + token} {
		wantProblem(t, ask(t, server, "PUT", logPath, debug, "Authorization", authorization), http.StatusUnauthorized, "unauthorized")
		wantProblem(t, ask(t, server, "GET", logPath, "", "Authorization", authorization), http.StatusUnauthorized, "unauthorized")
	}
	a := ask(t, server, "POST", logPath, debug)
	if wantProblem(t, a, http.StatusMethodNotAllowed, "method-not-allowed"); a.Header.Get("Allow") != "GET, PUT" {
		t.Errorf("got Allow %q, want GET, PUT", a.Header.Get("Allow"))
	}
	// fatal is a level of zap's at which errors would be silent.
	for _, body := range []string{"", "debug", "{}", `{"level":""}`, `{"level":"fatal"}`, `{"level":"DEBUG"}`, `{"level":-1}`, `{"level":"debug","for":"1h"}`} {
		wantProblem(t, ask(t, server, "PUT", logPath, body), http.StatusUnprocessableEntity, "invalid-request")
	}
	silent, _ := serveLog(t, "", level)
	wantProblem(t, ask(t, silent, "PUT", logPath, debug), http.StatusForbidden, "no-admin-token")
	if level.Level() != zap.InfoLevel {
		t.Errorf("got level %v, want it unchanged", level)
	}
}
