package upstream_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/upstream"
)

func TestRenderPeers(t *testing.T) {
	draining := ready("c", "10.0.0.3:8080", 1)
	draining.Draining = true
	unready := sale.Node{Name: "d", Address: "[2001:db8::4]:8080", Weight: 7}
	for name, c := range map[string]struct {
		view sale.View
		want []string
	}{
		"by name with their weights and roles": {
			sale.View{ready("b", "10.0.0.2:8080", 1<<40), ready("a", "[::ffff:10.0.0.1]:8080", -5), draining, unready},
			[]string{`10.0.0.1:8080 1 up # "a"`, `10.0.0.2:8080 1000000 up # "b"`, `10.0.0.3:8080 1 down # "c"`, `[2001:db8::4]:8080 7 backup # "d"`},
		},
		"all up if none sells": {
			sale.View{draining, unready, ready("left out", "host:1", 1)},
			[]string{`10.0.0.3:8080 1 up # "c"`, `[2001:db8::4]:8080 7 up # "d"`},
		},
		"a hostile name kept in its line": {
			sale.View{ready("a\n10.0.0.9:1 1 up # \"\u2028", "10.0.0.1:1", 1)},
			[]string{`10.0.0.1:1 1 up # "a\n10.0.0.9:1 1 up # \"\u2028"`},
		},
		"nobody": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Join(append(c.want, ""), "\n")
			want := fmt.Sprintf("onsale-peers 1 %d %08x\n%s", len(c.want), crc32.ChecksumIEEE([]byte(body)), body)
			if diff := cmp.Diff(want, string(upstream.RenderPeers(c.view))); diff != "" {
				t.Errorf("peers (-want +got):\n%s", diff)
			}
		})
	}
}

// peersIn makes a publisher write peers.
func peersIn(c *upstream.Config) {
	file := c.File
	*c = upstream.DefaultConfig(upstream.Peers)
	c.File = file
}

func TestPeersArePublishedAndRestored(t *testing.T) {
	bench := startPublisher(t, t.TempDir(), peersIn, a)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	bench.wantFile(t, string(upstream.RenderPeers(sale.View{a})))
	bench.Set(a, b)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	bench.wantFile(t, string(upstream.RenderPeers(sale.View{a, b})))
	if err := os.WriteFile(bench.file, []byte("onsale-peers 1 0 00000000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	bench.wantFile(t, string(upstream.RenderPeers(sale.View{a, b})))
	if got := bench.restored.Load(); got != 1 {
		t.Errorf("got %d restorations, want 1", got)
	}
}

func TestPeersHaveRoomForThoseThatSellFirst(t *testing.T) {
	z := ready("z", "10.9.0.1:8080", 1)
	bench := startPublisher(t, t.TempDir(), peersIn, z)
	bench.next(t)
	all := sale.View{z}
	for i := range upstream.MaxNodes + 9 {
		all = append(all, ready(fmt.Sprintf("extra-%d", i), fmt.Sprintf("10.0.%d.%d:8080", i/250, i%250+1), 1))
	}
	bench.Set(all...)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(bench.file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(got), "\n") - 1; lines != upstream.MaxNodes || !strings.Contains(string(got), `# "z"`) {
		t.Errorf("got %d nodes, want %d and the one that was there among them", lines, upstream.MaxNodes)
	}
	if got := bench.leftOut.Load(); got != 10 {
		t.Errorf("reported %d left out, want 10", got)
	}
}

func TestAPublisherForTheOtherWayIsRefused(t *testing.T) {
	const peers = "onsale-peers 1 0 00000000\n"
	for name, c := range map[string]struct {
		mode        upstream.Mode
		nodes, file string // what is there; empty: nothing
		refused     string // what the error names; empty: accepted
	}{
		"peers, nothing there":                     {upstream.Peers, "", "", ""},
		"peers, as Nginx is set up":                {upstream.Peers, "# include rendered.conf;\ninclude balancer.conf;\n", peers, ""},
		"peers, but Nginx reads server lines":      {upstream.Peers, "include rendered.conf;", peers, "--upstream site/upstream.conf"},
		"peers into the file of server lines":      {upstream.Peers, "", render(a), "--upstream site/upstream.conf"},
		"server lines, as Nginx is set up":         {upstream.Rendered, "include rendered.conf;", render(a), ""},
		"server lines, but Nginx reads peers":      {upstream.Rendered, "  include  balancer.conf ;", render(a), "--peers site/peers"},
		"server lines into the file of peers":      {upstream.Rendered, "", peers, "--peers site/peers"},
		"server lines, and an upstream of its own": {upstream.Rendered, "upstream onsale_nodes {}", render(a), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := upstream.DefaultConfig(c.mode)
			cfg.File = filepath.Join(t.TempDir(), "file")
			for path, text := range map[string]string{cfg.File: c.file, filepath.Join(filepath.Dir(cfg.File), "nodes.conf"): c.nodes} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := upstream.New(membershiptest.New(), cfg, upstream.Hooks{}, zap.NewNop())
			if c.refused == "" {
				if err != nil {
					t.Errorf("got %v, want it accepted", err)
				}
				return
			}
			if !errors.Is(err, upstream.ErrMode) || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("got %v, want ErrMode with %s", err, c.refused)
			}
		})
	}
	cfg := upstream.DefaultConfig(upstream.Peers)
	cfg.File, cfg.Reload = filepath.Join(t.TempDir(), "peers"), []string{"true"}
	if _, err := upstream.New(membershiptest.New(), cfg, upstream.Hooks{}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "upstream reload") {
		t.Errorf("peers with a command that reloads: got %v, want it refused", err)
	}
}
