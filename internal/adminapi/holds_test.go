package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

const holdsOfS = "/admin/v1/sales/s/holds"

// serveHolds serves what a node remembers, as its admin port does.
func serveHolds(t *testing.T, token string, holds func(sale.ID) adminapi.Holds) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	if err := adminapi.RegisterHolds(mux, tokens(token), holds, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	return serveMux(t, mux)
}

// nobodyAsks fails the test where the node is asked what it remembers.
func nobodyAsks(t *testing.T) func(sale.ID) adminapi.Holds {
	return func(id sale.ID) adminapi.Holds {
		t.Errorf("got the holds of %s read, want nobody to see them", id)
		return adminapi.Holds{}
	}
}

func TestWhatANodeRemembersIsRead(t *testing.T) {
	want := adminapi.Holds{
		Node: "n001", Sale: "s", Seen: sale.Mark{Epoch: 2, Seq: 9_007_199_254_740_991, Link: "0123456789ab"},
		Holds: []reconcile.Hold{
			{Order: orderOf(rush("s"), anOrder), Mark: sale.Mark{Epoch: 1, Seq: 7, Link: "ba9876543210"}, Life: "life", Node: "n001"},
			{Order: sale.Order{ID: "o", Buyer: "\"<bob>\n€", Quantity: 1, State: sale.StateHeld, Created: noon, Expires: noon.Add(time.Minute)}},
		},
	}
	server := serveHolds(t, token, func(id sale.ID) adminapi.Holds {
		if id != "s" {
			t.Errorf("got the holds of %s read, want those of s", id)
		}
		return want
	})
	got, err := askHolds(t, server.Listener.Addr().String(), token)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v (-want +got):\n%s", err, diff)
	}
}

func TestANodesMemoryIsGuarded(t *testing.T) {
	server := serveHolds(t, token, nobodyAsks(t))
	for _, authorization := range []string{"", "Bearer", "Bearer x", "Basic " + token, "Bearer " + token + "x"} {
		a := ask(t, server, "GET", holdsOfS, "", "Authorization", authorization)
		wantProblem(t, a, http.StatusUnauthorized, "unauthorized")
	}
	if _, err := askHolds(t, server.Listener.Addr().String(), "another token of a site"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("got error %v, want one with 401", err)
	}
}

func TestANodesMemoryIsOnlyRead(t *testing.T) {
	server := serveHolds(t, token, nobodyAsks(t))
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		a := ask(t, server, method, holdsOfS, "")
		wantProblem(t, a, http.StatusMethodNotAllowed, "method-not-allowed")
		if got := a.Header.Get("Allow"); got != "GET" {
			t.Errorf("got Allow %q, want GET", got)
		}
	}
	wantProblem(t, ask(t, server, "GET", "/admin/v1/sales/-s/holds", ""), http.StatusUnprocessableEntity, "invalid-request")
}

// A node may run without the operators' token: then nobody may ask, whatever they send.
func TestANodeWithoutATokenKeepsItsMemoryToItself(t *testing.T) {
	server := serveHolds(t, "", nobodyAsks(t))
	for _, sent := range []string{"", token, "no token at all"} {
		_, err := askHolds(t, server.Listener.Addr().String(), sent)
		if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "--admin-token-file") {
			t.Errorf("token %q: got error %v, want one with 403 and --admin-token-file", sent, err)
		}
	}
	if err := adminapi.RegisterHolds(http.NewServeMux(), adminapi.Tokens{"short"}, nobodyAsks(t), zap.NewNop()); err == nil {
		t.Error("got no error for a token of five bytes")
	}
}

func TestANodeThatAnswersInAnotherFormIsAnError(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"half a body":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"node":"n001","holds":[`)) },
		"another status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(serve)
			defer server.Close()
			if got, err := askHolds(t, server.Listener.Addr().String(), token); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
	if _, err := askHolds(t, "127.0.0.1:1", token); err == nil {
		t.Error("got no error where nobody listens")
	}
}

func askHolds(t *testing.T, addr, token string) (adminapi.Holds, error) {
	return client.Client{Addr: addr, Token: token}.Holds(t.Context(), "s")
}
