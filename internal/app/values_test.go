package app_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
	"onsale/internal/app/ledger"
	"onsale/internal/app/node"
)

// goWords are what only a reader of our sources would understand.
var goWords = regexp.MustCompile(`64 bit|strconv|time: |missing unit|parse "|ParseAddr|missing port|too many colons|unknown port|illegal base64|invalid character|unmarshal|json:|[^a-z]int64|float64|\(string\)|h0m0s|%!`)

// TestNoFlagSpeaksGo gives each program's flags values that suit none of them. Operators got
// "expected a valid 64 bit int", "time: missing unit in duration", and the like.
func TestNoFlagSpeaksGo(t *testing.T) {
	keys, token := secrets(t)
	broken := file(t, "broken", `{"keys":[{"kty":"oct","k":"!!"}]`)
	bad := []string{"x", "-1", "9999999999999999999999", "1:2:3", "1.5", "99999999h", "host:port", "127.0.0.1:99999", "1/2", broken}
	for _, p := range []struct {
		name     string
		config   reflect.Type
		required []string
		run      func(...string) error
	}{
		{"node", reflect.TypeFor[node.Config](), append(onLoopback, "--token-keys="+keys), program(t, func(c node.Config) error { _, err := node.New(c, zap.NewNop()); return err })},
		{"allocator", reflect.TypeFor[allocator.Config](), append(onLoopback[:1:1], "--admin-token-file="+token), program(t, func(c allocator.Config) error { _, err := allocator.New(c, zap.NewNop()); return err })},
		{"ledger", reflect.TypeFor[ledger.Config](), []string{"--database-url=postgres://onsale@127.0.0.1/onsale"}, program(t, func(c ledger.Config) error { _, err := ledger.New(t.Context(), c, zap.NewNop()); return err })},
	} {
		refused := 0
		for _, flag := range flagsOf(p.config, "") {
			for _, value := range bad {
				err := p.run(append(slices.Clone(p.required), "--"+flag.name+"="+value)...)
				if err == nil {
					continue
				}
				refused++
				if goWords.MatchString(err.Error()) {
					t.Errorf("%s --%s=%s: got %v, want a plain text", p.name, flag.name, value, err)
				}
			}
			for _, field := range []string{"Listen", "Bind", "Advertise", "Addrs", "Upstream", "Tolerate", "Audience"} {
				if regexp.MustCompile(`[a-z,] ` + field + `\b`).MatchString(flag.help) {
					t.Errorf("%s --%s: the help names %s, which operators don't see: %s", p.name, flag.name, field, flag.help)
				}
			}
		}
		if refused < 20 {
			t.Errorf("%s: got %d errors, want far more", p.name, refused)
		}
	}
}

// onLoopback are the flags with which a node may run without a key for its gossip; the first is
// also an allocator's.
var onLoopback = []string{"--gossip-bind=127.0.0.1:7946", "--listen=127.0.0.1:8081"}

// secrets are the files that programs need.
func secrets(t *testing.T) (keys, token string) {
	t.Helper()
	keys = file(t, "keys", `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlLi4"}]}`)
	return keys, file(t, "token", strings.Repeat("t", 32))
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// program is a command line that only wires, with Redis where nobody listens.
func program[Config app.Configuration](t *testing.T, wire func(Config) error) func(...string) error {
	return func(args ...string) error {
		return app.Command(t.Context(), "program", "", args, io.Discard, func(_ context.Context, c Config, _ app.Log) error { return wire(c) })
	}
}

// flag is one of a configuration.
type flag struct {
	name, help, env string
	secret          bool
}

// flagsOf lists a configuration's flags under the names that kong gives them.
func flagsOf(config reflect.Type, prefix string) (flags []flag) {
	for i := range config.NumField() {
		f := config.Field(i)
		if _, embedded := f.Tag.Lookup("embed"); embedded {
			flags = append(flags, flagsOf(f.Type, prefix+f.Tag.Get("prefix"))...)
			continue
		}
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(f.Name, "$1-$2"))
		}
		flags = append(flags, flag{prefix + name, f.Tag.Get("help"), f.Tag.Get("env"), f.Tag.Get("secret") != ""})
	}
	return flags
}
