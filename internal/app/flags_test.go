package app_test

import (
	"reflect"
	"strings"
	"testing"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
	"onsale/internal/app/ledger"
	"onsale/internal/app/node"
	"onsale/internal/operate"
)

// A flag's environment variable has its name: --token-file was ONSALE_ADMIN_TOKEN_FILE, and
// --entries ONSALE_LEDGER_ENTRIES.
func TestEnvironmentVariablesHaveTheNamesOfTheirFlags(t *testing.T) {
	seen := 0
	for _, config := range []reflect.Type{
		reflect.TypeFor[node.Config](), reflect.TypeFor[allocator.Config](), reflect.TypeFor[ledger.Config](),
		reflect.TypeFor[operate.StoreFlags](), reflect.TypeFor[app.AdminFlags](),
	} {
		for _, f := range flagsOf(config, "") {
			if seen++; f.env == "" {
				t.Errorf("%v: --%s has no environment variable", config, f.name)
				continue
			}
			if want := "ONSALE_" + strings.ToUpper(strings.ReplaceAll(f.name, "-", "_")); f.env != want {
				t.Errorf("%v: --%s is %s in the environment, want %s", config, f.name, f.env, want)
			}
		}
	}
	if seen < 40 {
		t.Errorf("got %d flags, want far more", seen)
	}
}
