package upstream_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/sale"
	"onsale/internal/upstream"
)

const header = "# The nodes, as gossip knows them. Rendered by the allocator: changes here are lost.\n"

func ready(name, addr string, weight int) sale.Node {
	return sale.Node{Name: name, Address: addr, Weight: weight, Ready: true}
}

func TestRender(t *testing.T) {
	draining := ready("c", "10.0.0.3:8080", 1)
	draining.Draining = true
	drained := ready("e", "10.0.0.5:8080", 1)
	drained.Drained = true
	unready := sale.Node{Name: "d", Address: "[2001:db8::4]:8080", Weight: 7}
	for name, c := range map[string]struct {
		view sale.View
		want string
	}{
		"nodes by name with their weights": {
			sale.View{ready("b", "10.0.0.2:8080", 2), ready("a", "10.0.0.1:8080", 5)},
			`server 10.0.0.1:8080 weight=5 max_fails=3 fail_timeout=5s; # "a"
server 10.0.0.2:8080 weight=2 max_fails=3 fail_timeout=5s; # "b"
`,
		},
		"draining nodes down, unready ones to fall back on": {
			sale.View{ready("a", "10.0.0.1:8080", 1), ready("b", "10.0.0.2:8080", 1), draining, unready},
			`server 10.0.0.1:8080 weight=1 max_fails=3 fail_timeout=5s; # "a"
server 10.0.0.2:8080 weight=1 max_fails=3 fail_timeout=5s; # "b"
server 10.0.0.3:8080 weight=1 max_fails=3 fail_timeout=5s down; # "c"
server [2001:db8::4]:8080 weight=7 max_fails=3 fail_timeout=5s backup; # "d"
`,
		},
		"drained nodes down": {
			sale.View{ready("a", "10.0.0.1:8080", 1), ready("b", "10.0.0.2:8080", 1), drained},
			`server 10.0.0.1:8080 weight=1 max_fails=3 fail_timeout=5s; # "a"
server 10.0.0.2:8080 weight=1 max_fails=3 fail_timeout=5s; # "b"
server 10.0.0.5:8080 weight=1 max_fails=3 fail_timeout=5s down; # "e"
`,
		},
		"the last node up though it is drained": {
			sale.View{drained}, "server 10.0.0.5:8080 weight=1 max_fails=0; # \"e\"\n",
		},
		"the only selling node backed off for an unready one": {
			sale.View{ready("a", "10.0.0.1:8080", 1), unready},
			`server 10.0.0.1:8080 weight=1 max_fails=3 fail_timeout=5s; # "a"
server [2001:db8::4]:8080 weight=7 max_fails=3 fail_timeout=5s backup; # "d"
`,
		},
		"the only selling node never given up": {
			sale.View{ready("a", "10.0.0.1:8080", 1), draining},
			`server 10.0.0.1:8080 weight=1 max_fails=0; # "a"
server 10.0.0.3:8080 weight=1 max_fails=0 down; # "c"
`,
		},
		"all up when none sells": {
			sale.View{draining, unready},
			`server 10.0.0.3:8080 weight=1 max_fails=3 fail_timeout=5s; # "c"
server [2001:db8::4]:8080 weight=7 max_fails=3 fail_timeout=5s; # "d"
`,
		},
		"all up when the only selling node is left out": {
			sale.View{ready("a", "nonsense", 1), draining, unready},
			`server 10.0.0.3:8080 weight=1 max_fails=3 fail_timeout=5s; # "c"
server [2001:db8::4]:8080 weight=7 max_fails=3 fail_timeout=5s; # "d"
`,
		},
		"a placeholder for nobody": {
			nil, "server 127.0.0.1:9 down; # no node is known\n",
		},
		"weights within what Nginx accepts": {
			sale.View{ready("a", "10.0.0.1:1", -3), ready("b", "10.0.0.2:1", 1<<40)},
			`server 10.0.0.1:1 weight=1 max_fails=3 fail_timeout=5s; # "a"
server 10.0.0.2:1 weight=1000000 max_fails=3 fail_timeout=5s; # "b"
`,
		},
		"a hostile name kept inside its comment": {
			sale.View{ready("a\n} evil; {\r\"\u2028", "10.0.0.1:1", 1)},
			`server 10.0.0.1:1 weight=1 max_fails=0; # "a\n} evil; {\r\"\u2028"` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(header+c.want, string(upstream.Render(c.view))); diff != "" {
				t.Errorf("upstream.conf (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckNamesWhatRenderLeavesOut(t *testing.T) {
	for _, addr := range []string{
		"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:99999", "10.0.0.1:8080;", "10.0.0.1:8080 backup",
		":8080", "0.0.0.0:8080", "[::]:8080", "224.0.0.1:8080", "2001:db8::1:8080", "[fe80::1%eth0]:8080",
		"[fe80::1%;evil]:8080", "node-1:8080", "localhost:8080", "unix:/tmp/sock", "10.0.0.1:8080\n", "10.0.0.1:8080#",
	} {
		t.Run(addr, func(t *testing.T) {
			view := sale.View{ready("bad", addr, 1), ready("good", "10.0.0.9:8080", 1)}
			err := upstream.Check(view)
			if !errors.Is(err, upstream.ErrBadNode) || !strings.Contains(err.Error(), `"bad"`) {
				t.Errorf("got %v, want ErrBadNode naming the node", err)
			}
			if got, want := string(upstream.Render(view)), string(upstream.Render(view[1:])); got != want {
				t.Errorf("got %s, want the good node alone", got)
			}
		})
	}
	if err := upstream.Check(sale.View{ready("a", "[::1]:1", 1), ready("b", "192.0.2.1:65535", 1)}); err != nil {
		t.Errorf("good nodes: got %v, want nil", err)
	}
}

// line is all that a server line may be.
var line = regexp.MustCompile(`^server (\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):[1-9]\d* weight=[1-9]\d* ` +
	`max_fails=(0|3 fail_timeout=5s)( down| backup)?; # "[\x20-\x7e]*"$`)

// Whatever members gossip, the file is server lines and comments, with a server up
// wherever one can be named.
func TestNothingThatMembersGossipBecomesConfiguration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\x00-\x7f]{0,20}`),
			rapid.StringMatching(`(10\.0\.0\.[0-9]|\[::[0-9]\]|h):[0-9]{1,6}[; \n#}{]?`))
		view := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sale.Node {
			return sale.Node{
				Name: text.Draw(t, "name"), Address: text.Draw(t, "address"), Weight: rapid.Int().Draw(t, "weight"),
				Ready: rapid.Bool().Draw(t, "ready"), Draining: rapid.Bool().Draw(t, "draining"), Drained: rapid.Bool().Draw(t, "drained"),
			}
		}), 0, 8).Draw(t, "view")
		got := string(upstream.Render(view))
		body, ok := strings.CutPrefix(got, header)
		if !ok || !strings.HasSuffix(body, "\n") {
			t.Fatalf("got %q, want the header and whole lines", got)
		}
		if body == "server 127.0.0.1:9 down; # no node is known\n" {
			return
		}
		up := false
		for l := range strings.Lines(body) {
			l = strings.TrimSuffix(l, "\n")
			if !line.MatchString(l) {
				t.Fatalf("got line %q, want one server", l)
			}
			up = up || !strings.Contains(l, " down; #") && !strings.Contains(l, " backup; #")
		}
		if !up {
			t.Fatalf("got %q, want a server up", got)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("a", "10.0.0.1:8080")
	f.Add("a\n", "[::1]:1;")
	f.Fuzz(func(t *testing.T, name, addr string) {
		got := string(upstream.Render(sale.View{ready(name, addr, 1)}))
		lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(got, header), "\n"), "\n")
		if len(lines) != 1 || lines[0] != "server 127.0.0.1:9 down; # no node is known" && !line.MatchString(lines[0]) {
			t.Errorf("got %q, want one server line", lines)
		}
	})
}

// The order in which nodes joined the gossip must not cause a reload.
func TestTheSameNodesGiveTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var view sale.View
		for i := range rapid.IntRange(0, 20).Draw(t, "nodes") {
			view = append(view, ready(fmt.Sprintf("n%d", i), fmt.Sprintf("10.0.0.%d:80", i+1), i+1))
		}
		shuffled := sale.View(rapid.Permutation(view).Draw(t, "order"))
		before := append(sale.View(nil), shuffled...)
		if diff := cmp.Diff(string(upstream.Render(view)), string(upstream.Render(shuffled))); diff != "" {
			t.Fatalf("order matters:\n%s", diff)
		}
		if diff := cmp.Diff(before, shuffled); diff != "" {
			t.Fatalf("Render changed the view, which is shared:\n%s", diff)
		}
	})
}

func ExampleRender() {
	fmt.Print(string(upstream.Render(sale.View{
		{Name: "n1", Address: "10.0.0.1:8080", Weight: 2, Ready: true},
		{Name: "n2", Address: "10.0.0.2:8080", Weight: 1, Ready: true},
		{Name: "n3", Address: "10.0.0.3:8080", Weight: 1, Ready: true, Draining: true},
	})))
	// Output:
	// # The nodes, as gossip knows them. Rendered by the allocator: changes here are lost.
	// server 10.0.0.1:8080 weight=2 max_fails=3 fail_timeout=5s; # "n1"
	// server 10.0.0.2:8080 weight=1 max_fails=3 fail_timeout=5s; # "n2"
	// server 10.0.0.3:8080 weight=1 max_fails=3 fail_timeout=5s down; # "n3"
}
