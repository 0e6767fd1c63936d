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
	"ledger":    {"github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "onsale/internal/ledger"},
}

// nowhere is for development and tests alone.
var nowhere = []string{"github.com/alicebob/miniredis/v2", "github.com/yuin/gopher-lua", "onsale/internal/testbed", "onsale/internal/operate", "onsale/internal/sale/model"}

// Node, allocator and ledger each linked an embedded Redis, a Lua interpreter, a PostgreSQL
// client and its migrations.
func TestEachProgramLinksOnlyWhatItNeeds(t *testing.T) {
	watched := slices.Clone(nowhere)
	for _, paths := range linked {
		watched = append(watched, paths...)
	}
	for program, needs := range linked {
		list := exec.Command("go", "list", "-deps", module+"cmd/"+program)
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%v: %v", list, err)
		}
		deps := strings.Fields(string(out))
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
