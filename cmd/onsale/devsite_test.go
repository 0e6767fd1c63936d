package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// testOperate runs the verb that the greeting names, before and after it is given another site's token.
func testOperate(t *testing.T, greeting string) {
	found := regexp.MustCompile(`(?m)^operate +go run ./cmd/onsale sale show demo --dev-site (".*")$`).FindStringSubmatch(greeting)
	if found == nil {
		t.Fatalf("got no verb in:\n%s", greeting)
	}
	file, err := strconv.Unquote(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that is its owner's alone", info, err)
	}
	for range 2 {
		out, errs, err := verb("sale", "show", "demo", "--dev-site", file)
		if err != nil || !strings.Contains(out, "Demo concert") {
			t.Errorf("got %v and:\n%s%s\nwant the sale", err, out, errs)
		}
		t.Setenv("ONSALE_ADMIN_TOKEN_FILE", filepath.Join(filepath.Dir(file), "dev-webhook-secret"))
		t.Setenv("ONSALE_ADMIN_ADDR", "127.0.0.1:1")
	}
}

func TestTheSiteOfDevIsSavedForVerbs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dev-site.json")
	t.Setenv("ONSALE_ADMIN_TOKEN_FILE", "")
	one, other := devSite{"127.0.0.1:1", "one"}, devSite{"127.0.0.1:1", "other"}
	for _, s := range []devSite{one, other} {
		if err := s.save(file); err != nil {
			t.Fatal(err)
		}
	}
	one.remove(file) // not its own any more
	if got, err := loadDevSite(file); err != nil || got != other {
		t.Errorf("got %+v, %v, want %+v", got, err, other)
	}
	if _, _, err := verb("sale", "list", "--dev-site", file); exitStatus(err) != exitFailed || !strings.Contains(err.Error(), "127.0.0.1:1 can't be reached") {
		t.Errorf("got %v, want the saved address asked", err)
	}
	other.remove(file)
	if _, _, err := verb("sale", "list", "--dev-site", file); exitStatus(err) != exitUsage || !strings.Contains(err.Error(), "onsale dev") || !strings.Contains(err.Error(), "--admin-token-file") {
		t.Errorf("got %v, want a way to name a site", err)
	}
	if err := one.save(filepath.Join(file, "x")); err == nil {
		t.Error("got no error of a folder that is not there")
	}
}
