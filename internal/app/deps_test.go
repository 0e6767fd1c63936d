package app_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// linked are the heavy packages and rooms that each program needs; no other of these may be in it.
var linked = map[string][]string{
	"node":      {"github.com/valyala/fasthttp", "github.com/hashicorp/memberlist", "onsale/internal/buyerapi", "onsale/internal/checkout"},
	"allocator": {"github.com/hashicorp/memberlist", "onsale/internal/rebalance", "onsale/internal/upstream"},
	"ledger":    {"github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "onsale/internal/ledger", "onsale/internal/ledger/postgres"},
}

// nowhere is for development and tests alone.
var nowhere = []string{"github.com/alicebob/miniredis/v2", "github.com/yuin/gopher-lua", "onsale/internal/testbed", "onsale/internal/testbed/await", "onsale/internal/testbed/collector", "onsale/internal/testbed/browser", "github.com/chromedp/chromedp", "onsale/internal/testbed/process/processtest", "onsale/internal/operate", "onsale/internal/sale/model", "onsale/internal/ledger/ledgertest", "onsale/internal/membership/membershiptest"}

// Node, allocator and ledger each linked an embedded Redis, a Lua interpreter, a PostgreSQL
// client and its migrations.
func TestEachProgramLinksOnlyWhatItNeeds(t *testing.T) {
	watched := slices.Clone(nowhere)
	for _, paths := range linked {
		watched = append(watched, paths...)
	}
	for program, needs := range linked {
		deps := deps(t, "cmd/"+program)
		for _, need := range needs {
			if !slices.Contains(deps, need) {
				t.Errorf("%s does not link %s: name here what it needs", program, need)
			}
		}
		for _, path := range deps {
			if slices.Contains(watched, path) && !slices.Contains(needs, path) {
				t.Errorf("%s links %s, which it does not need", program, path)
			}
		}
	}
}

// What a stream means is package ledger's, how it is stored package postgres's.
func TestTheLedgersPolicyKnowsNoDatabase(t *testing.T) {
	for _, path := range deps(t, "internal/ledger") {
		if strings.HasPrefix(path, "github.com/jackc/") || strings.HasPrefix(path, "github.com/pressly/") || path == "database/sql" {
			t.Errorf("internal/ledger links %s: that is for internal/ledger/postgres", path)
		}
	}
}

// deps are all packages that one of this module links.
func deps(t *testing.T, path string) []string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", module+path)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	return strings.Fields(string(out))
}
