package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"

	"onsale/internal/adminapi"
)

// verbs are, for each call of the admin API, a verb with arguments that makes it. NODE is the address of a node.
var verbs = map[string]string{
	"POST /admin/v1/sales":                            "sale create s --title T",
	"GET /admin/v1/sales":                             "sale list",
	"GET /admin/v1/sales/{id}":                        "sale show s",
	"PATCH /admin/v1/sales/{id}":                      "sale change s --title T",
	"POST /admin/v1/sales/{id}/close":                 "sale close s",
	"POST /admin/v1/sales/{id}/reopen":                "sale reopen s",
	"POST /admin/v1/sales/{id}/restock":               "sale restock s --delta 5",
	"GET /admin/v1/sales/{id}/orders/{order}":         "order show s o",
	"POST /admin/v1/sales/{id}/orders/{order}/refund": "order refund s o",
	"GET /admin/v1/sales/{id}/refunds":                "refund list s",
	"POST /admin/v1/sales/{id}/refunds/{payment}":     "refund settle s p",
	"GET /admin/v1/sales/{id}/line":                   "line show s",
	"POST /admin/v1/sales/{id}/line/beacon":           "line beacon s v",
	"GET /admin/v1/orphans":                           "orphan list",
	"POST /admin/v1/orphans/{payment}":                "orphan settle p",
	"GET /admin/v1/nodes":                             "node list",
	"POST /admin/v1/nodes/{node}/drain":               "node drain n001",
	"POST /admin/v1/nodes/{node}/undrain":             "node undrain n001",
	"POST /admin/v1/nodes/{node}/weight":              "node weight n001 3",
	"GET /admin/v1/sales/{id}/holds":                  "node holds s NODE",
	"GET /admin/v1/log":                               "log show NODE",
	"PUT /admin/v1/log":                               "log set NODE debug",
	"GET /admin/v1/limits":                            "limits show NODE",
	"PATCH /admin/v1/limits":                          "limits set NODE --buyer-rate 5",
}

// stub is an allocator and a node that do nothing, and keep what they were asked.
type stub struct {
	addr, token string // the token's file

	mu     sync.Mutex // of what is set while another process may ask
	serve  http.HandlerFunc
	asked  []*http.Request
	bodies []string
}

func startStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{token: filepath.Join(t.TempDir(), "admin-token")}
	if err := os.WriteFile(s.token, []byte("sixteen bytes of secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"sales":[],"refunds":[],"orphans":[],"nodes":[],"holds":[]}`)
	}
	mux := http.NewServeMux()
	for _, route := range adminapi.Routes() {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			s.mu.Lock()
			s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
			serve := s.serve
			s.mu.Unlock()
			serve(w, r)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return s
}

// run runs a verb against the stub.
func (s *stub) run(args ...string) (out, errs string, err error) {
	return verb(append(args, "--admin-addr", s.addr, "--admin-token-file", s.token)...)
}

// verb runs the tool, and returns what it prints.
func verb(args ...string) (out, errs string, err error) {
	var stdout, stderr strings.Builder
	err = run(context.Background(), args, &stdout, &stderr)
	return stdout.String(), stderr.String(), err
}

// A call that is added to the API fails here until it has a verb.
func TestEveryCallOfTheAdminAPIHasAVerb(t *testing.T) {
	s := startStub(t)
	for _, route := range adminapi.Routes() {
		args, is := verbs[route]
		if !is {
			t.Errorf("%s has no verb: name one here that makes this call", route)
			continue
		}
		s.asked = nil
		_, _, err := s.run(strings.Fields(strings.ReplaceAll(args, "NODE", s.addr))...)
		if err != nil || len(s.asked) != 1 || s.asked[0].Pattern != route || s.asked[0].Header.Get("Authorization") != "Bearer sixteen bytes of secret" {
			t.Errorf("onsale %s: got %v and calls %v, want one of %s with the token", args, err, patterns(s.asked), route)
		}
	}
	if len(verbs) != len(adminapi.Routes()) {
		t.Errorf("got %d verbs for %d calls", len(verbs), len(adminapi.Routes()))
	}
}

func patterns(asked []*http.Request) (list []string) {
	for _, r := range asked {
		list = append(list, r.Pattern)
	}
	return list
}

// leaves are all commands of the tool, such as "sale create".
func leaves(t *testing.T) (names []string) {
	t.Helper()
	parser, err := newParser(new(commands), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		name := leaf.Name
		for n := leaf.Parent; n != nil && n.Type == kong.CommandNode; n = n.Parent {
			name = n.Name + " " + name
		}
		names = append(names, name)
	}
	return names
}

func TestTheManualHasEveryVerb(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(page), "## Where")
	for _, leaf := range leaves(t) {
		noun, verb, two := strings.Cut(leaf, " ")
		begins := "`(onsale )?"
		if two {
			begins = "`onsale "
		}
		row := regexp.MustCompile("(?m)^.*" + begins + noun + "\\b.*$").FindString(table)
		if two && !regexp.MustCompile("[` ]"+verb+"`").MatchString(row) || row == "" {
			t.Errorf("docs/cli.md does not have onsale %s", leaf)
		}
	}
	for _, want := range []int{exitDone, exitFailed, exitUsage, exitUnknown} {
		if !strings.Contains(string(page), fmt.Sprintf("\n| %d | ", want)) {
			t.Errorf("docs/cli.md does not explain exit status %d", want)
		}
	}
}

func TestFlagsAndFilesMakeOneDefinition(t *testing.T) {
	s := startStub(t)
	file := filepath.Join(t.TempDir(), "sale.json")
	if err := os.WriteFile(file, []byte(`{"title":"From the file","total":5,"closed":true,"future":[1]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"sale create": `{}`,
		"sale create s --title= --price 0 --currency EUR --closed --opens-at soon --hold-seconds 90.5 --face-value=-1": `{"closed":true,"currency":"EUR","face_value":-1,"hold_seconds":90.5,"id":"s","opens_at":"soon","price":0,"title":""}`,
		"sale create --from " + file:                                  `{"title":"From the file","total":5,"closed":true,"future":[1]}`,
		"sale create s --from " + file + " --total 7":                 `{"closed":true,"future":[1],"id":"s","title":"From the file","total":7}`,
		"sale change s --limit 4 --lapses 2 --rules R --from " + file: `{"closed":true,"future":[1],"lapses":2,"limit":4,"rules":"R","title":"From the file","total":5}`,
		"sale change s --subtitle S --closes-at 2030-05-01T18:00:00Z": `{"closes_at":"2030-05-01T18:00:00Z","subtitle":"S"}`,
		"order refund s o --amount 300 --key re_1":                    `{"amount":300}`,
		"order refund s o":                  ``,
		"sale restock s --delta=-5 --key k": `{"delta":-5}`,
	} {
		s.bodies = nil
		if _, _, err := s.run(strings.Fields(args)...); err != nil || len(s.bodies) != 1 || s.bodies[0] != want && !sameJSON(s.bodies[0], want) {
			t.Errorf("onsale %s: got %v, sent %q, want %s", args, err, s.bodies, want)
		}
	}
	t.Run("from standard input", func(t *testing.T) {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		was := os.Stdin
		os.Stdin = in
		defer func() { os.Stdin = was }()
		s.bodies = nil
		if _, _, err := s.run("sale", "create", "s", "--from", "-"); err != nil || !strings.Contains(s.bodies[0], `"id":"s"`) {
			t.Errorf("got %v, sent %q", err, s.bodies)
		}
	})
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	xs, _ := json.Marshal(x)
	ys, _ := json.Marshal(y)
	return string(xs) == string(ys)
}

func TestExitStatuses(t *testing.T) {
	s := startStub(t)
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte("title"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusing := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"code":%q,"title":"T","detail":"D\u001b[2J"}`, code)
		}
	}
	for _, c := range []struct {
		args  string
		serve http.HandlerFunc
		want  int
	}{
		{"sale list", s.serve, exitDone},
		{"sale show s", refusing(404, "sale-unknown"), exitFailed},
		{"sale close s", refusing(503, "store-unavailable"), exitFailed},
		{"sale close s", refusing(503, "outcome-unknown"), exitUnknown},
		{"sale show s", refusing(503, "outcome-unknown"), exitFailed}, // it changes nothing
		{"sale", s.serve, exitUsage},
		{"sale sell s", s.serve, exitUsage},
		{"sale show", s.serve, exitUsage},
		{"sale show ''", s.serve, exitUsage},
		{"sale restock s", s.serve, exitUsage},
		{"sale restock s --delta many", s.serve, exitUsage},
		{"sale create s --price 4.2", s.serve, exitUsage},
		{"sale create s --total 1 --from " + broken, s.serve, exitUsage},
		{"sale create s --from " + broken + ".none", s.serve, exitUsage},
		{"sale list --limit=-1", s.serve, exitUsage},
		{"refund list s --limit=-1", s.serve, exitUsage},
		{"orphan list --limit=-1", s.serve, exitUsage},
		{"order refund s o --key k", s.serve, exitUsage},
		{"node holds s 10.0.0.4", s.serve, exitUsage},
		{"node drain", s.serve, exitUsage},
		{"node drain n1", refusing(409, "conflict"), exitFailed},
		{"node undrain n1", refusing(404, "node-unknown"), exitFailed},
		{"node weight n1", s.serve, exitUsage},
		{"node weight n1 0", s.serve, exitUsage},
		{"node weight n1 much", s.serve, exitUsage},
		{"node weight n1 3 --own", s.serve, exitUsage},
		{"log show 10.0.0.4", s.serve, exitUsage},
		{"log set 10.0.0.4:9081 loud", s.serve, exitUsage},
		{"limits show 10.0.0.4", s.serve, exitUsage},
		{"limits set 10.0.0.4:9081", s.serve, exitUsage},
		{"limits set 10.0.0.4:9081 --buyer-rate many", s.serve, exitUsage},
	} {
		s.serve, s.asked = c.serve, nil
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.Trim(args[i], "'")
		}
		out, _, err := s.run(args...)
		if got := exitStatus(err); got != c.want || (c.want == exitUsage) != (len(s.asked) == 0) {
			t.Errorf("onsale %s: got %d, %v and %d calls, want %d", c.args, got, err, len(s.asked), c.want)
		}
		if c.want != exitDone && out != "" {
			t.Errorf("onsale %s: got %q on standard output, want none", c.args, out)
		}
	}
}

func TestAnUnknownOutcomeNamesTheCommandThatRepeatsIt(t *testing.T) {
	s := startStub(t)
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"outcome-unknown","title":"The outcome is unknown","detail":"Redis's answer was lost."}`)
	}
	for _, args := range [][]string{
		{"sale", "restock", "s", "--delta=5"},
		{"order", "refund", "s", "o'clock $HOME", "--amount", "300"},
		{"sale", "change", "s", "--title", "It's on; rm -rf *"},
		{"sale", "restock", "s", "--delta=5", "--key", "mine"},
	} {
		s.asked, s.bodies = nil, nil
		_, _, err := s.run(args...)
		if exitStatus(err) != exitUnknown || len(s.asked) != 1 {
			t.Fatalf("got %v", err)
		}
		_, command, found := strings.Cut(err.Error(), "nothing twice:\n  go run ./cmd/onsale ")
		again, serr := shellWords(t, command)
		if !found || serr != nil {
			t.Fatalf("got %v, %v, want a command", err, serr)
		}
		if _, _, err := verb(again...); exitStatus(err) != exitUnknown || len(s.asked) != 2 {
			t.Fatalf("onsale %q: got %v", again, err)
		}
		first, second := s.asked[0], s.asked[1]
		if key := first.Header.Get("Idempotency-Key"); key != second.Header.Get("Idempotency-Key") || first.URL.Path != second.URL.Path || s.bodies[0] != s.bodies[1] || slices.Contains(args, "--title") != (key == "") {
			t.Errorf("onsale %s: got another request: %v", command, second)
		}
	}
}
