package upstream_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/upstream"
	"onsale/nginx"
)

func TestNginxAcceptsEveryKindOfView(t *testing.T) {
	e := startEdge(t)
	test := func(text string) ([]byte, error) {
		if err := os.WriteFile(filepath.Join(e.dir, "site", "upstream.conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		argv := e.argv("-t", "-q")
		return exec.Command(argv[0], argv[1:]...).CombinedOutput()
	}
	// The longest lines that there are.
	many := make(sale.View, upstream.MaxNodes)
	for i := range many {
		many[i] = ready(fmt.Sprintf("node-%d", i), fmt.Sprintf("[2001:db8:1111:2222:3333:4444:1%03x:8888]:65535", i), 1_000_000)
		many[i].Ready = i%2 == 0
	}
	for name, view := range map[string]sale.View{
		"nobody":          nil,
		"one":             {a},
		"IPv6":            {ready("a", "[2001:db8::1]:8080", 3)},
		"hostile names":   {ready("a\n;}{\"\\", "10.0.0.1:1", 1), ready("$b #", "10.0.0.2:1", 1)},
		"all draining":    {{Name: "a", Address: "10.0.0.1:1", Draining: true, Ready: true}},
		"as many as fit":  many,
		"mapped to IPv6":  {ready("a", "[::ffff:10.0.0.1]:8080", 1)},
		"the same thrice": {a, a, a},
	} {
		if out, err := test(string(upstream.Render(view))); err != nil || len(out) != 0 {
			t.Errorf("%s: got %v, want it accepted: %s", name, err, out)
		}
	}
	// Why there is a placeholder, and why addresses are never names.
	for _, text := range []string{"# nobody\n", "server node.invalid:8080;\n"} {
		if out, err := test(text); err == nil {
			t.Errorf("%q: got it accepted, want it refused: %s", text, out)
		}
	}
}

func TestAFailedNodeIsOutOfTheUpstreamSoon(t *testing.T) {
	e := startEdge(t)
	alive, _ := startNode(t, "alive")
	other, _ := startNode(t, "other")
	bench := startPublisher(t, filepath.Join(e.dir, "site"), e.publish, alive, other)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	time.Sleep(upstream.DefaultConfig(upstream.Rendered).MinInterval) // a calm cluster: the last news is long ago
	began := time.Now()
	bench.Set(alive)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("published %v after the signal", took)
	if took > time.Second { // 150 ms on a quiet machine; the bound is for a busy one
		t.Errorf("published %v after the signal, want about 200 ms", took)
	}
	inARow := 0 // old workers end within milliseconds
	await.Until(t, "only the living node is asked", func() bool {
		if _, node, _ := e.buy(); node == "alive" {
			inARow++
		} else {
			inARow = 0
		}
		return inARow == 50
	})
}

func TestBuyersAreSpreadByWeight(t *testing.T) {
	e := startEdge(t)
	light, _ := startNode(t, "light")
	heavy, _ := startNode(t, "heavy")
	heavy.Weight = 4
	bench := startPublisher(t, filepath.Join(e.dir, "site"), e.publish, light, heavy)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "both sell", func() bool { _, node, _ := e.buy(); return node == "light" })
	got := map[string]int{}
	for range 500 {
		_, node, err := e.buy()
		if err != nil {
			t.Fatal(err)
		}
		got[node]++
	}
	if got["light"] < 95 || got["light"] > 105 || got["heavy"] != 500-got["light"] {
		t.Errorf("got %v of 500, want light 100 and heavy 400", got)
	}
}

// Buyers keep buying while nodes come, drain, die and the file changes under Nginx.
func TestNoRequestIsLostWhileTheClusterChanges(t *testing.T) {
	e := startEdge(t)
	x, _ := startNode(t, "x")
	y, _ := startNode(t, "y")
	z, victim := startNode(t, "z")
	bench := startPublisher(t, filepath.Join(e.dir, "site"), func(c *upstream.Config) {
		e.publish(c)
		c.Debounce, c.MinInterval = 10*time.Millisecond, 50*time.Millisecond
	}, x)
	bench.next(t)
	await.Until(t, "the first node sells", func() bool { status, _, _ := e.buy(); return status == 201 })

	stop := make(chan struct{})
	var sold, lost atomic.Int64
	var buyers sync.WaitGroup
	for range 8 {
		buyers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, _, err := e.buy(); err != nil || status != http.StatusCreated {
					lost.Add(1)
					t.Errorf("got status %d (%v), want every purchase answered", status, err)
					return
				}
				sold.Add(1)
			}
		})
	}
	draining := x
	draining.Draining = true
	for _, view := range []sale.View{{x, y}, {x, y, z}, {draining, y, z}, {y, z}, {x, y, z}} {
		bench.Set(view...)
		if err := bench.next(t); err != nil {
			t.Error(err)
		}
	}
	victim.CloseClientConnections() // z dies with what it is doing
	victim.Close()
	bench.Set(x, y)
	if err := bench.next(t); err != nil {
		t.Error(err)
	}
	close(stop)
	buyers.Wait()
	t.Logf("%d sold, %d lost, over 6 reloads", sold.Load(), lost.Load())
	if sold.Load() < 100 {
		t.Errorf("got %d purchases, want enough for the test to mean anything", sold.Load())
	}
}

// The shipped files copied over a running site, and a reload: an upgrade.
func TestCopyingTheShippedFilesAgainTakesNobodyOutOfTheUpstream(t *testing.T) {
	e := startEdge(t)
	x, _ := startNode(t, "x")
	bench := startPublisher(t, filepath.Join(e.dir, "site"), e.publish, x)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	sells := func() bool { status, node, _ := e.buy(); return status == http.StatusCreated && node == "x" }
	await.Until(t, "x sells", sells)
	for file, what := range map[string]string{"*.conf": "the shipped files", "site/upstream.conf": "the shipped upstream as well"} {
		files, err := fs.Glob(nginx.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := nginx.Files.ReadFile(name)
			if err == nil {
				err = os.WriteFile(filepath.Join(e.dir, name), text, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		argv := e.argv("-s", "reload")
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: reload: %v: %s", what, err, out)
		}
		time.Sleep(200 * time.Millisecond) // the new workers have taken over
		began := time.Now()
		await.Until(t, "x sells after copying "+what, sells)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s: x sells again after %v, want within the check of a second", what, took)
		}
	}
}

func TestABrokenSiteFileKeepsTheOldNodesSelling(t *testing.T) {
	e := startEdge(t)
	x, _ := startNode(t, "x")
	y, _ := startNode(t, "y")
	bench := startPublisher(t, filepath.Join(e.dir, "site"), func(c *upstream.Config) {
		e.publish(c)
		c.Retry = 20 * time.Millisecond
	}, x)
	bench.next(t)
	await.Until(t, "x sells", func() bool { _, node, _ := e.buy(); return node == "x" })

	limits := filepath.Join(e.dir, "site", "limits.conf")
	good, err := os.ReadFile(limits)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(limits, []byte("limit_everything;"), 0o644); err != nil {
		t.Fatal(err)
	}
	bench.Set(y)
	if err := bench.next(t); err == nil || !strings.Contains(err.Error(), "limits.conf") {
		t.Errorf("got %v, want Nginx's error in limits.conf", err)
	}
	if _, node, err := e.buy(); node != "x" {
		t.Errorf("got node %q (%v), want x to go on selling", node, err)
	}
	if err := os.WriteFile(limits, good, 0o644); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "y sells once the file is mended", func() bool { _, node, _ := e.buy(); return node == "y" })
}
