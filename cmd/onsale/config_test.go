package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestConfigPrintsWhereEverySettingIsFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.yaml")
	if err := os.WriteFile(path, []byte("# of this machine\nredis-password: geheim\nentries: 8\nname: from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONSALE_CONFIG", path)
	t.Setenv("ONSALE_NAME", "from-environment")
	t.Setenv("ONSALE_DATABASE_URL", "postgres://l:geheim@10.0.0.3/onsale?sslpassword=geheim")
	t.Setenv("ONSALE_SOMETHING_ELSE", "geheim")
	out, err := finished(t, "config", "ledger", "--site", "shop")
	if err != nil {
		t.Error(err)
	}
	for name, row := range map[string]string{
		"redis-password": `\*{8} +│ file ` + path + `:2`, "entries": `8 +│ file ` + path + `:3`, "name": `from-environment +│ environment ONSALE_NAME`,
		"site": `shop +│ flag`, "archive-after": `0 +│ default`, "redis-tls": `false +│ default`, "redis-addr": `127\.0\.0\.1:6379 +│ default`,
		"database-url": `postgres://l:\*{8}@10\.0\.0\.3/onsale\?sslpassword=\*{8} +│ environment`, "config": path + ` +│ environment ONSALE_CONFIG`,
	} {
		if !regexp.MustCompile(`(?m)│ ` + name + ` +│ ` + row).MatchString(out) {
			t.Errorf("%s: got no row %s", name, row)
		}
	}
	if strings.Contains(out, "geheim") || t.Failed() {
		t.Errorf("got a secret, or not every row:\n%s", out)
	}

	out, err = finished(t, "config", "--json", "ledger")
	var got configured
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if err != nil || got.Program != "ledger" || len(got.Unknown) != 1 || got.Unknown[0] != "ONSALE_SOMETHING_ELSE" || len(got.Settings) < 20 || strings.Contains(out, "geheim") {
		t.Errorf("got %v and\n%s\nwant every setting, and the variable that nobody reads", err, out)
	}
}

func TestConfigFailsAsTheProgramWould(t *testing.T) {
	for want, args := range map[string][]string{
		"--token-keys":               {"node"},
		`did you mean "--weight"`:    {"node", "--wieght", "3"},
		"/nowhere: no such file":     {"allocator", "--config", "/nowhere"},
		"want a whole number":        {"ledger", "--entries", "x"},
		"every user of this machine": {"ledger", "--redis-password", "geheim"},
		"must be one of":             {"nodes"},
		"nowhere.yaml: no such file": {"onsale", "--config", "/nowhere.yaml"},
	} {
		out, err := finished(t, append([]string{"config"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(out+err.Error(), "geheim") {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
	}
}

// The tool has settings of its own; a command without any works though its file can't be read.
func TestTheToolReadsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "onsale.yaml")
	if err := os.WriteFile(path, []byte("admin-token-file: /nowhere/token\nadmin-addr: [127.0.0.1:1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := finished(t, "sale", "list", "--config", path); err == nil || !strings.Contains(err.Error(), "/nowhere/token") {
		t.Errorf("got %v, want the token of the file asked for", err)
	}
	if out, err := finished(t, "config", "--config", path); err != nil || !regexp.MustCompile(`admin-addr +│ 127.0.0.1:1 +│ file .*:2`).MatchString(out) {
		t.Errorf("got %v and:\n%s", err, out)
	}
	if err := os.WriteFile(path, []byte("admin-adr: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := finished(t, "sale", "list", "--config", path); exitStatus(err) != exitUsage || !strings.Contains(err.Error(), `:1: unknown setting "admin-adr", did you mean "admin-addr"?`) {
		t.Errorf("got %v, want the line and what was meant", err)
	}
	if out, err := finished(t, "version", "--config", path); err != nil || out == "" {
		t.Errorf("version: got %v, want it without the file", err)
	}
}
