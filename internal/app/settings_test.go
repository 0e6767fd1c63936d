package app_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
	"onsale/internal/app/ledger"
	"onsale/internal/app/node"
	"onsale/internal/app/settings"
	"onsale/internal/operate"
)

// configured runs a command line and returns the configuration that it comes to.
func configured[Config app.Configuration](t *testing.T, name string, args ...string) (got Config, err error) {
	t.Helper()
	err = app.Command(t.Context(), name, "", args, io.Discard, func(_ context.Context, c Config, _ app.Log) error {
		got = c
		return nil
	})
	return got, err
}

func TestAFileIsUnderTheEnvironmentUnderFlags(t *testing.T) {
	path := file(t, "node.yaml", `# a node
token-keys: /keys
weight: 2
batch: 0x10
drain-delay: 90s
gossip-seeds: [10.0.0.1:7946, "10.0.0.2:7946"]
redis-addr: 10.0.0.3:6379,10.0.0.4:6379
redis-tls: true
redis-password: "a,b: #c"
log-level: warn
`)
	t.Setenv("ONSALE_BATCH", "5")
	t.Setenv("ONSALE_CALLS", "6")
	t.Setenv("ONSALE_WEIGHT", "7")
	got, err := configured[node.Config](t, "node", "--config", path, "--weight=8")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"weight": 8, "batch": 5, "calls": 6, "drain": 90 * time.Second, "keys": "/keys", "audience": []string{"onsale"}, "tls": true, "password": "a,b: #c",
		"seeds": []string{"10.0.0.1:7946", "10.0.0.2:7946"}, "addrs": []string{"10.0.0.3:6379", "10.0.0.4:6379"},
	}
	if diff := cmp.Diff(want, map[string]any{
		"weight": got.Weight, "batch": got.Batch, "calls": got.Calls, "drain": got.DrainDelay, "keys": got.Identity.TokenKeys, "audience": got.Identity.Audiences,
		"tls": got.Redis.TLS, "password": got.Redis.Password, "seeds": got.Gossip.Seeds, "addrs": got.Redis.Addrs,
	}); diff != "" {
		t.Errorf("a flag, else a variable, else the file, else the default (-want +got):\n%s", diff)
	}
	if got, err := configured[allocator.Config](t, "allocator", "--config", file(t, "allocator.yaml", "admin-token-file: /token\nledger: false\n")); err != nil || got.Ledger || got.TokenFile != "/token" {
		t.Errorf("allocator: got %v, %+v, want no ledger and the token's file", err, got)
	}
	t.Setenv("ONSALE_CONFIG", file(t, "ledger.yaml", "database-url: postgres://l@h/d\nauto-reconcile: no\narchive-after: 24h\n"))
	if got, err := configured[ledger.Config](t, "ledger"); err != nil || got.Auto || got.ArchiveAfter != 24*time.Hour || got.Database.URL != "postgres://l@h/d" {
		t.Errorf("ledger: got %v, %+v, want what the file of ONSALE_CONFIG has", err, got)
	}
	if _, err := configured[ledger.Config](t, "ledger", "--config="); err != nil {
		t.Errorf("without a file: got %v", err)
	}
}

func TestFaultsOfAFileAreNamedWithTheirLines(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nredis-adr: 10.0.0.1:6379":     `:3: unknown setting "redis-adr", did you mean "redis-addr"?`,
		"gossip_seeds: []":                 `:1: unknown setting "gossip_seeds", did you mean "gossip-seeds"?`,
		"wieght: 3":                        `:1: unknown setting "wieght", did you mean "weight"?`,
		"colour: red":                      `:1: unknown setting "colour": node --help lists all`,
		"probe: true":                      `:1: unknown setting "probe": node --help lists all`,
		"version: true":                    `:1: unknown setting "version"`,
		"config: /other":                   `:1: unknown setting "config"`,
		"wieght: 3\nname:\nweight: []\nx:": `:2: name: it has no value`,
		"weight: 1\nweight: 2":             `:2: weight: it is there already, in line 1`,
		"redis:\n  addr: x":                `:1: redis: want a value or a list of values: settings have no sections`,
		"gossip-seeds: [[a]]":              `:1: gossip-seeds: want a list of plain values`,
		"name: a\n---\nname: b":            `want one document`,
		"- name":                           `:1: want settings, each a line such as weight: 2`,
		"name: a\nweight: many":            `:2: want a whole number, got "many"`,
		"drain-delay: soon":                `:1: want a duration such as 500ms`,
		"redis-tls: perhaps":               `:1: bool value must be true`,
		"log-level: loud":                  `--log-level must be one of`,
		"name: \"a":                        `yaml`,
	} {
		path := file(t, "node.yaml", text)
		_, err := configured[node.Config](t, "node", "--config", path, "--token-keys=/keys")
		if err == nil || !strings.Contains(err.Error(), want) || strings.HasPrefix(want, ":") && !strings.Contains(err.Error(), path+want) {
			t.Errorf("%q: got %v, want it to contain the file and %s", text, err, want)
		}
	}
	_, err := configured[node.Config](t, "node", "--config", file(t, "node.yaml", "wieght: 3\ncolour: red\nname:\n"))
	if err == nil || strings.Count(err.Error(), "node.yaml:") != 3 {
		t.Errorf("got %v, want all three faults", err)
	}
}

func TestAFileThatIsNamedHasToBeThere(t *testing.T) {
	gone := file(t, "node.yaml", "") + ".gone"
	for _, args := range [][]string{{"--config", gone}, nil} {
		if args == nil {
			t.Setenv("ONSALE_CONFIG", gone)
		}
		if _, err := configured[node.Config](t, "node", append(args, "--token-keys=/keys")...); err == nil || !strings.Contains(err.Error(), gone) {
			t.Errorf("%v: got %v, want an error that names it", args, err)
		}
	}
	if _, err := configured[node.Config](t, "node", "--config", file(t, "node.yaml", "# nothing yet\n"), "--token-keys=/keys"); err != nil {
		t.Errorf("a file of comments: got %v", err)
	}
}

func TestMistypedFlagsAndVariablesAreErrors(t *testing.T) {
	run := map[string]func(...string) error{
		"node": func(args ...string) error { _, err := configured[node.Config](t, "node", args...); return err },
		"allocator": func(args ...string) error {
			_, err := configured[allocator.Config](t, "allocator", args...)
			return err
		},
		"ledger": func(args ...string) error { _, err := configured[ledger.Config](t, "ledger", args...); return err },
	}
	for program, run := range run {
		if err := run("--redis-pasword=geheim"); err == nil || !strings.Contains(err.Error(), `did you mean "--redis-password"`) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want what was meant, and no secret", program, err)
		}
	}
	t.Setenv("ONSALE_REDIS_PASWORD", "geheim")
	t.Setenv("ONSALE_SERVICE_HOST", "10.0.0.1") // of Kubernetes
	t.Setenv("ONSALE_PEERS", "/peers")          // of allocators
	for program, run := range run {
		if err := run("--config="); err == nil || !strings.Contains(err.Error(), "unknown environment variable ONSALE_REDIS_PASWORD, did you mean ONSALE_REDIS_PASSWORD?") ||
			strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "SERVICE") || strings.Contains(err.Error(), "PEERS") {
			t.Errorf("%s: got %v, want the variable and what was meant, and no secret", program, err)
		}
	}
}

var declared = regexp.MustCompile(`env:"(ONSALE_[A-Z_]+)"`)

// Whoever sets the variables of one program for all is not to be refused by the others, and those of
// docker-compose.yml are no typing errors.
func TestVariablesOfOtherProgramsAreKnown(t *testing.T) {
	list := exec.Command("git", "grep", "-h", `env:"ONSALE_`, "--", "../../cmd", "../../internal", ":!*_test.go")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var environ, others []string
	for _, m := range declared.FindAllStringSubmatch(string(out), -1) {
		environ = append(environ, m[1]+"=x")
	}
	for _, m := range regexp.MustCompile(`\$\{(ONSALE_[A-Z_]+)`).FindAllStringSubmatch(string(compose), -1) {
		others = append(others, m[1])
	}
	slices.Sort(others)
	others = slices.Compact(others)
	if len(environ) < 45 || len(others) < 6 {
		t.Fatalf("got %d variables and %d of docker-compose.yml, want far more", len(environ), len(others))
	}
	for _, make := range []func() (*kong.Kong, error){
		func() (*kong.Kong, error) { return app.NewParser[node.Config]("node", "") },
		func() (*kong.Kong, error) { return app.NewParser[allocator.Config]("allocator", "") },
		func() (*kong.Kong, error) { return app.NewParser[ledger.Config]("ledger", "") },
	} {
		p, err := make()
		if err != nil {
			t.Fatal(err)
		}
		name := p.Model.Name
		strange, err := settings.Environment(p.Model, environ)
		if err != nil || len(strange) > 0 {
			t.Errorf("%s: got %v, %v, want settings.variables to have all", name, strange, err)
		}
		for _, o := range others {
			environ := []string{o + "=x"}
			if strange, err := settings.Environment(p.Model, environ); err != nil || !slices.Equal(strange, []string{o}) && !strings.Contains(string(out), `"`+o+`"`) {
				t.Errorf("%s: %s: got %v, %v, want it strange and no more", name, o, strange, err)
			}
		}
	}
}

// What may be secret is masked, and refused on a command line; or the flag names a file.
func TestEveryFlagThatMayBeSecretIsMarked(t *testing.T) {
	seen := 0
	for _, config := range []reflect.Type{reflect.TypeFor[node.Config](), reflect.TypeFor[allocator.Config](), reflect.TypeFor[ledger.Config](), reflect.TypeFor[operate.StoreFlags]()} {
		for _, f := range flagsOf(config, "") {
			if regexp.MustCompile(`password|secret|token|key|url|header`).MatchString(f.name) && !strings.HasPrefix(f.help, "File with ") {
				if seen++; !f.secret {
					t.Errorf("%v: --%s: want secret:\"all\" or secret:\"url\", or a file", config, f.name)
				}
			}
		}
	}
	if seen < 6 {
		t.Errorf("got %d, want Redis's password four times and the database's URL twice", seen)
	}
}

func TestSecretsAreNoFlagsAndAreNotPrinted(t *testing.T) {
	for _, arg := range []string{"--redis-password=geheim", "--database-url=postgres://l:geheim@h/d", "--database-url=postgres://h/d?user=l&password=geheim", "--database-url=host=h password=geheim"} {
		_, err := configured[ledger.Config](t, "ledger", arg)
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if err == nil || !strings.Contains(err.Error(), "ONSALE_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want it refused, and the variable named", arg, err)
		}
	}
	for _, url := range []string{"postgres://l:geheim@h:port/d", "postgres://l:geheim@[/d", "postgres//l:geheim@h", "user=l password=geheim host"} {
		err := program(t, func(c ledger.Config) error { _, err := ledger.New(t.Context(), c, zap.NewNop()); return err })("--config", file(t, "ledger.yaml", "database-url: "+url))
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want an error without the password", url, err)
		}
	}
}
