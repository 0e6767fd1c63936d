package app_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

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

// A password in the environment is shown by docker inspect and by /proc.
func TestRedisPasswordFromAFile(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty := write("good", "secret words\n"), write("empty", "\n")
	for name, c := range map[string]struct {
		args        []string
		want, fault string
	}{
		"a file":            {[]string{"--redis-password-file", good}, "secret words", ""},
		"none":              {nil, "", ""},
		"an empty file":     {[]string{"--redis-password-file", empty}, "", "is empty"},
		"no such file":      {[]string{"--redis-password-file", good + "2"}, "", "no such file"},
		"a second password": {[]string{"--redis-password-file", good, "--redis-password", "other"}, "", "give one of the two"},
	} {
		t.Run(name, func(t *testing.T) {
			// As deep as it is in the programs and in the verbs of onsale.
			var flags struct {
				Stores struct {
					Redis app.RedisFlags `embed:"" prefix:"redis-"`
				} `embed:""`
			}
			parser, err := kong.New(&flags, app.Values)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parser.Parse(c.args)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("got error %v, want one with %q", err, c.fault)
				}
				return
			}
			if got := flags.Stores.Redis.Config().Password; err != nil || got != c.want {
				t.Errorf("got password %q and error %v, want %q", got, err, c.want)
			}
		})
	}
}
