package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is how this module's packages begin.
const module = "onsale/"

// The layers, by folder. What is in none of them is an adapter: it may import
// the vocabulary, policy and embedded files, and never another adapter.
var (
	vocabulary = "internal/sale"
	// everywhere is what every layer may import: the log of failures, and the pause between two tries.
	everywhere = []string{"internal/failurelog", "internal/pause"}
	policy     = map[string][]string{ // and what else they may import
		"internal/localstock":  nil,
		"internal/checkout":    {"internal/draw", "internal/line", "internal/localstock", "internal/temperature"},
		"internal/draw":        {"internal/line"},
		"internal/rebalance":   {"internal/draw", "internal/line", "internal/temperature"},
		"internal/audit":       {"internal/line"},
		"internal/reconcile":   nil,
		"internal/ledger":      {"internal/reconcile", "internal/temperature"},
		"internal/payment":     {"internal/secretfile"},
		"internal/proof":       {"internal/secretfile"},
		"internal/secretfile":  nil,
		"internal/throttle":    nil,
		"internal/ratelimit":   nil,
		"internal/line":        nil,
		"internal/capacity":    {"internal/line"},
		"internal/temperature": nil,
		"internal/keyspace":    nil,
		"internal/problem":     nil,
	}
	embedded = []string{"lua", "nginx", "web"}
	programs = []string{"cmd", "bench", "deploy", "docs/examples", "internal/app", "internal/operate", "internal/testbed"} // they know everyone
	// helpers are what any test may use: process starts redis-server and nginx, processtest for as long as a
	// test lasts, flood plays the strangers whom servers have to stand, await waits for what they do, collector takes spans, browser opens pages.
	helpers = []string{"internal/testbed/process", "internal/testbed/process/processtest", "internal/testbed/flood", "internal/testbed/await", "internal/testbed/collector", "internal/testbed/browser", "internal/apidoc"}
	// fixtures are what tests of the ledger and of its store share.
	fixtures = "internal/ledger/ledgertest"
	// members are those of a cluster, as a test changes them.
	members = "internal/membership/membershiptest"
	// Who holds a lease declares an interface for it; its tests may use the real one.
	holders = "internal/lease"
	// model is what tests make fakes of, and compare the scripts with. No program does.
	model = "internal/sale/model"
	// problems is the table that Nginx's files are compared with.
	problems = "internal/problem"
)

// fences name the folders that may import a library, and whether any test may.
var fences = []struct {
	library string
	folders []string
	tests   bool
}{
	{"github.com/valyala/fasthttp", []string{"internal/buyerapi", "internal/app/node", "cmd", "bench"}, false},
	{"github.com/redis/go-redis", []string{"lua", "internal/remotestock", "internal/lease", "internal/app", "internal/operate", "internal/testbed/process", "bench"}, true},
	{"github.com/hashicorp/memberlist", []string{"internal/membership"}, false},
	{"github.com/prometheus/client_golang", []string{"internal/telemetry"}, true},
	{"go.opentelemetry.io", []string{"internal/tracing", "internal/testbed/collector"}, false},
	{"github.com/jackc/pgx", []string{"internal/ledger/postgres", "bench"}, true},
	{"github.com/chromedp", []string{"internal/testbed/browser"}, false},
	{"github.com/pressly/goose", []string{"internal/ledger/postgres"}, false},
}

// pkg is one package as go list reports it.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// TestImportsPointOneWay keeps the architecture: policy knows no adapter, and
// adapters don't know each other.
func TestImportsPointOneWay(t *testing.T) {
	// -e: that every package builds is another test's business.
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, breach := range breaches(p) {
			t.Error(breach)
		}
	}
	if seen < 10 {
		t.Errorf("got %d packages, want all of them", seen)
	}
}

// breaches are the imports of a package that break a rule.
func breaches(p pkg) []string {
	var found []string
	from := strings.TrimPrefix(p.ImportPath, module)
	check := func(imports []string, test bool) {
		for _, path := range imports {
			if path != p.ImportPath && !allowed(from, path, test) {
				found = append(found, fmt.Sprintf("%s imports %s%s", p.ImportPath, path, map[bool]string{true: " in a test"}[test]))
			}
		}
	}
	check(p.Imports, false)
	check(append(p.TestImports, p.XTestImports...), true)
	return found
}

// allowed reports whether the folder may import the path.
func allowed(from, path string, test bool) bool {
	test = test || from == fixtures
	to, ours := strings.CutPrefix(path, module)
	if !ours {
		return library(from, path, test)
	}
	switch {
	case inside(from, to), test && inside(to, from): // what is below another room is of it
		return true
	case inside(from, programs...), test && (slices.Contains(helpers, to) || to == members || to == holders || to == model || to == problems || to == fixtures):
		return true
	case from == vocabulary, inside(from, embedded...):
		return false
	case to == vocabulary, slices.Contains(everywhere, to):
		return true
	}
	if lower, is := policy[from]; is {
		return slices.Contains(lower, to)
	}
	_, toPolicy := policy[to]
	return toPolicy || inside(to, embedded...)
}

// library is allowed for what is not of this module.
func library(from, path string, test bool) bool {
	first, _, _ := strings.Cut(path, "/")
	if from == vocabulary && !test && strings.Contains(first, ".") {
		return false
	}
	for _, f := range fences {
		if inside(path, f.library) {
			return inside(from, f.folders...) || test && f.tests
		}
	}
	return true
}

// inside reports whether the path is one of the folders, or below one.
func inside(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

func TestWrongDirectionsAreFound(t *testing.T) {
	for _, c := range []struct {
		from, path string
		test, want bool
	}{
		{"internal/sale", "errors", false, true},
		{"internal/sale", "github.com/google/uuid", false, false},
		{"internal/sale", "pgregory.net/rapid", true, true},
		{"internal/sale", "onsale/internal/localstock", false, false},
		{"internal/localstock", "onsale/internal/checkout", false, false},
		{"internal/checkout", "onsale/internal/localstock", false, true},
		{"internal/checkout", "onsale/internal/pause", false, true},
		{"internal/lease", "onsale/internal/pause", false, true},
		{"internal/sale", "onsale/internal/pause", false, false},
		{"internal/checkout", "onsale/internal/remotestock", false, false},
		{"internal/checkout", "onsale/internal/remotestock", true, false},
		{"internal/rebalance", "onsale/internal/localstock", false, false},
		{"internal/rebalance", "onsale/internal/membership", false, false},
		{"internal/remotestock", "onsale/lua", false, true},
		{"internal/remotestock", "onsale/internal/sale/model", true, true},
		{"internal/checkout", "onsale/internal/sale/model", true, true},
		{"internal/checkout", "onsale/internal/sale/model", false, false},
		{"internal/sale/model", "onsale/internal/sale", false, true},
		{"internal/lease", "onsale/lua", false, true},
		{"internal/lease", "onsale/internal/remotestock", false, false},
		{"internal/rebalance", "onsale/internal/lease", false, false},
		{"internal/rebalance", "onsale/internal/lease", true, true},
		{"internal/ledger", "onsale/internal/lease", false, false},
		{"internal/ledger", "onsale/internal/lease", true, true},
		{"internal/ledger", "onsale/internal/ledger/postgres", false, false},
		{"internal/ledger", "onsale/internal/ledger/postgres", true, true},
		{"internal/ledger/postgres", "onsale/internal/ledger", false, true},
		{"internal/ledger/postgres", "onsale/internal/remotestock", false, false},
		{"internal/ledger/postgres", "onsale/internal/ledger/ledgertest", false, false},
		{"internal/ledger/postgres", "onsale/internal/ledger/ledgertest", true, true},
		{"internal/ledger/ledgertest", "onsale/internal/testbed/process", false, true},
		{"internal/remotestock", "onsale/internal/testbed/process", true, true},
		{"internal/remotestock", "onsale/internal/testbed/await", true, true},
		{"internal/remotestock", "onsale/internal/testbed/await", false, false},
		{"internal/remotestock", "onsale/internal/testbed/process", false, false},
		{"internal/buyerapi", "onsale/internal/checkout", false, true},
		{"internal/buyerapi", "onsale/internal/telemetry", false, false},
		{"internal/buyerapi", "onsale/internal/token", false, false},
		{"internal/adminapi", "onsale/internal/remotestock", false, false},
		{"internal/something-new", "onsale/internal/sale", false, true},
		{"internal/something-new", "onsale/internal/buyerapi", false, false},
		{"internal/upstream", "onsale/internal/membership/membershiptest", true, true},
		{"internal/upstream", "onsale/internal/membership/membershiptest", false, false},
		{"internal/upstream", "onsale/nginx", true, true},
		{"lua", "onsale/internal/sale", false, false},
		{"internal/app/node", "onsale/internal/remotestock", false, true},
		{"internal/adminapi/client", "onsale/internal/adminapi", false, true},
		{"internal/adminapi", "onsale/internal/adminapi/client", true, true},
		{"internal/adminapi", "onsale/internal/adminapi/client", false, false},
		{"internal/buyerapi", "onsale/internal/app", false, false},
		{"cmd/node", "onsale/internal/app/node", false, true},

		{"internal/buyerapi", "github.com/valyala/fasthttp", false, true},
		{"bench", "github.com/valyala/fasthttp/fasthttputil", false, true},
		{"internal/upstream", "github.com/valyala/fasthttp", true, false},
		{"internal/lease", "github.com/redis/go-redis/v9", false, true},
		{"lua", "github.com/redis/go-redis/v9", false, true},
		{"internal/membership", "github.com/redis/go-redis/v9", false, false},
		{"internal/ledger", "github.com/redis/go-redis/v9", false, false},
		{"internal/rebalance", "github.com/redis/go-redis/v9", false, false},
		{"cmd/node", "github.com/redis/go-redis/v9", false, false},
		{"cmd/node", "github.com/redis/go-redis/v9", true, true},
		{"internal/rebalance", "github.com/hashicorp/memberlist", false, false},
		{"internal/app/node", "github.com/hashicorp/memberlist", false, false},
		{"internal/checkout", "github.com/prometheus/client_golang/prometheus", false, false},
		{"internal/testbed", "github.com/prometheus/procfs", false, true},
		{"internal/ledger", "github.com/jackc/pgx/v5/pgxpool", false, false},
		{"internal/ledger", "github.com/jackc/pgx/v5/pgxpool", true, true},
		{"internal/ledger", "github.com/pressly/goose/v3", true, false},
		{"internal/ledger/ledgertest", "github.com/jackc/pgx/v5", false, true},
		{"internal/ledger/postgres", "github.com/jackc/pgx/v5/pgxpool", false, true},
		{"cmd/ledger", "github.com/jackc/pgx/v5", false, false},
	} {
		if got := allowed(c.from, c.path, c.test); got != c.want {
			t.Errorf("%s to %s (in a test: %v): got allowed %v, want %v", c.from, c.path, c.test, got, c.want)
		}
	}
	p := pkg{
		ImportPath:   "onsale/internal/checkout",
		Imports:      []string{"fmt", "onsale/internal/buyerapi"},
		XTestImports: []string{"onsale/internal/checkout", "onsale/internal/ledger"},
	}
	want := []string{
		"onsale/internal/checkout imports onsale/internal/buyerapi",
		"onsale/internal/checkout imports onsale/internal/ledger in a test",
	}
	if diff := cmp.Diff(want, breaches(p)); diff != "" {
		t.Errorf("breaches (-want +got):\n%s", diff)
	}
}
