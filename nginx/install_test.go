package nginx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// install runs install.sh.
func install(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("sh", append([]string{"install.sh"}, args...)...).CombinedOutput(); err != nil || len(out) != 0 {
		t.Fatalf("install.sh: got %v, want it to succeed silently: %s", err, out)
	}
}

func TestAnUpgradeChangesNothingOfTheSites(t *testing.T) {
	t.Parallel()
	prefix := filepath.Join(t.TempDir(), "new", "prefix")
	install(t, prefix)
	accepted := func() {
		t.Helper()
		if out, err := exec.Command(binary(t), "-t", "-q", "-e", "stderr", "-p", prefix, "-c", "nginx.conf").CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("got %v, want a valid configuration without warnings: %s", err, out)
		}
	}
	own := map[string]string{
		"listen.conf":     "listen " + freeAddr(t) + ";\n",
		"limits.conf":     strings.ReplaceAll(shipped(t, "site/limits.conf"), "rate=100r/s", "rate=7r/s"),
		"upstream.conf":   "server 127.0.0.1:1;\n",
		"connections.nft": strings.ReplaceAll(shipped(t, "site/connections.nft"), "over 1000", "over 7"),
	}
	for name, text := range own {
		write(t, filepath.Join(prefix, "site", name), text)
	}
	accepted()
	write(t, filepath.Join(prefix, "proxy.conf"), "an older version")
	write(t, filepath.Join(prefix, "web", "sale.html"), "an older version")

	install(t, prefix)
	// And as it was described before there was a script.
	if out, err := exec.Command("sh", "-c", "cp *.conf "+prefix).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range own {
		if got, err := os.ReadFile(filepath.Join(prefix, "site", name)); err != nil || string(got) != want {
			t.Errorf("site/%s: got %q (%v), want what the site wrote", name, got, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(prefix, "proxy.conf")); err != nil || string(got) != shipped(t, "proxy.conf") {
		t.Errorf("proxy.conf is not the shipped one after an upgrade (%v)", err)
	}
	for _, name := range []string{"sale.html", "index.html", "assets/icon.svg"} {
		if got, err := os.ReadFile(filepath.Join(prefix, "web", name)); err != nil || string(got) != shipped(t, "../web/"+name) {
			t.Errorf("web/%s is not the shipped one after an upgrade (%v)", name, err)
		}
	}
	accepted()
}

// A container links its upstream to a volume, where the allocator has not written yet.
func TestInstallingKeepsALinkThatLeadsNowhereYet(t *testing.T) {
	t.Parallel()
	prefix := t.TempDir()
	link := filepath.Join(prefix, "site", "upstream.conf")
	if err := os.Mkdir(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere/upstream.conf", link); err != nil {
		t.Fatal(err)
	}
	install(t, prefix)
	if got, err := os.Readlink(link); err != nil || got != "/nowhere/upstream.conf" {
		t.Errorf("got %q (%v), want the link as it was", got, err)
	}
}

// The choice of how Nginx takes its nodes is the site's, and an upgrade keeps it.
func TestInstallingChoosesHowNginxTakesItsNodes(t *testing.T) {
	t.Parallel()
	prefix := t.TempDir()
	chosen := func(file string) {
		t.Helper()
		if got := shipped(t, filepath.Join(prefix, "site", "nodes.conf")); !strings.Contains(got, "\ninclude "+file) {
			t.Errorf("got %s, want that %s is included", got, file)
		}
		if out, err := exec.Command(binary(t), "-t", "-q", "-e", "stderr", "-p", prefix, "-c", "nginx.conf").CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("%s: got %v, want a valid configuration without warnings: %s", file, err, out)
		}
	}
	install(t, prefix)
	write(t, filepath.Join(prefix, "site", "listen.conf"), "listen "+freeAddr(t)+";\n")
	chosen("rendered.conf")
	install(t, "--balancer", prefix)
	chosen("balancer.conf")
	install(t, prefix)
	chosen("balancer.conf")
	install(t, "--rendered", prefix)
	chosen("rendered.conf")

	own := "load_module modules/other.so;\n"
	write(t, filepath.Join(prefix, "site", "modules.conf"), own)
	if out, err := exec.Command("sh", "install.sh", "--balancer", prefix).CombinedOutput(); err == nil || !strings.Contains(string(out), "site's own") {
		t.Errorf("got %v, want a refusal to change the site's own modules.conf: %s", err, out)
	}
	if got := shipped(t, filepath.Join(prefix, "site", "modules.conf")); got != own {
		t.Errorf("got modules.conf %q, want the site's own", got)
	}
}

func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
