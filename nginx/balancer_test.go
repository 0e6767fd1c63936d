package nginx_test

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"onsale/internal/testbed/await"
)

// peers is a file of peers with the lines.
func peers(lines ...string) string {
	body := strings.Join(append(lines, ""), "\n")
	return fmt.Sprintf("onsale-peers 1 %d %08x\n%s", len(lines), crc32.ChecksumIEEE([]byte(body)), body)
}

// peerLines are those of nodes of weight 1.
func peerLines(role string, nodes ...*node) []string {
	l := make([]string, len(nodes))
	for i, n := range nodes {
		l[i] = fmt.Sprintf("%s 1 %s # \"n%d\"", n.Addr, role, i)
	}
	return l
}

// setPeers replaces the file of peers as the allocator does: whole.
func (e *edge) setPeers(t *testing.T, text string) {
	t.Helper()
	next := filepath.Join(e.Prefix, "site", "next")
	write(t, next, text)
	if err := os.Rename(next, filepath.Join(e.Prefix, "site", "peers")); err != nil {
		t.Fatal(err)
	}
}

// named is a node that sells and signs its answers.
func named(t *testing.T, name string) *node {
	return startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Node", name)
		w.WriteHeader(http.StatusCreated)
	})
}

// asked counts which nodes answer so many purchases.
func (e *edge) asked(t *testing.T, purchases int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range purchases {
		a := e.buy(t, "demo")
		wantStatus(t, a, http.StatusCreated)
		got[a.Header.Get("Node")]++
	}
	return got
}

// reads waits until the file is in force, of which a node's first answer is the sign.
func (e *edge) reads(t *testing.T, node string) {
	t.Helper()
	await.Until(t, node+" is asked", func() bool { return e.buy(t, "demo").Header.Get("Node") == node })
}

func TestBalancerTakesNodesAndWeightsWithoutAReload(t *testing.T) {
	t.Parallel()
	a, b, c := named(t, "a"), named(t, "b"), named(t, "c")
	e := start(t, site{Peers: peers(peerLines("up", a)...)})
	if got := e.asked(t, 5); got["a"] != 5 {
		t.Errorf("got %v, want a alone", got)
	}
	before := e.workers(t)
	e.setPeers(t, peers(a.Addr+` 1 up # "a"`, b.Addr+` 4 up # "b"`, c.Addr+` 9 down # "c"`))
	e.reads(t, "b")
	await.Until(t, "all workers have read it", func() bool {
		got := e.asked(t, 50)
		return got["a"] == 10 && got["b"] == 40
	})
	e.setPeers(t, peers(a.Addr+` 1 down # "a"`, c.Addr+` 1 backup # "c"`))
	e.reads(t, "c")
	if got := e.asked(t, 20); got["c"] < 15 {
		t.Errorf("got %v, want the backup alone while no other node is up", got)
	}
	if got := e.workers(t); !slices.Equal(got, before) {
		t.Errorf("got workers %v, want those from before: %v", got, before)
	}
	if got := a.Conns.Load() + b.Conns.Load() + c.Conns.Load(); got > 20 {
		t.Errorf("the nodes got %d connections, want few that are reused", got)
	}
}

// workers lists the ids of Nginx's workers.
func (e *edge) workers(t *testing.T) (ids []string) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(e.Prefix, "nginx.pid"))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(pid))
	children, err := os.ReadFile("/proc/" + id + "/task/" + id + "/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range strings.Fields(string(children)) {
		await.Until(t, "every process has its title", func() bool {
			title, err := os.ReadFile("/proc/" + child + "/cmdline")
			if err == nil && strings.HasPrefix(string(title), "nginx: worker process") { // and not that of the cache
				ids = append(ids, child)
			}
			return err != nil || !strings.HasPrefix(string(title), "nginx: master")
		})
	}
	return ids
}

func TestBalancerKeepsTheLastGoodFile(t *testing.T) {
	t.Parallel()
	a, b := named(t, "a"), named(t, "b")
	good := peers(peerLines("up", a)...)
	e := start(t, site{Peers: good})
	e.asked(t, 5)
	line := b.Addr + ` 1 up # "b"`
	many := make([]string, 4097)
	for i := range many {
		many[i] = line
	}
	workers, faults := len(e.workers(t)), map[string]int{}
	reported := func(what, fault string) {
		t.Helper()
		faults[fault] += workers
		await.Until(t, what+" is reported by every worker", func() bool { return strings.Count(e.log.String(), fault) == faults[fault] })
		if got := e.asked(t, 3); got["a"] != 3 {
			t.Errorf("%s: got %v, want a as before", what, got)
		}
	}
	// A fault is logged once, so none has the same one as the one before.
	for _, bad := range []struct{ what, text, fault string }{
		{"a file cut short", strings.TrimSuffix(peers(line, line), line+"\n"), "cut short"},
		{"nothing", "", "no file of peers"},
		{"a line cut short", peers(line)[:len(peers(line))-8], "cut short"},
		{"another version", strings.Replace(peers(line), "peers 1", "peers 2", 1), "no file of peers"},
		{"a changed byte", strings.Replace(peers(line), " up ", " u0 ", 1), "cut short"},
		{"server lines", "server " + b.Addr + ";\n", "no file of peers"},
		{"the header alone", strings.SplitAfter(peers(line), "\n")[0], "cut short"},
		{"a wrong number of nodes", strings.Replace(peers(line), "peers 1 1 ", "peers 1 2 ", 1), "another number"},
		{"no node", peers(), "no node"},
		{"a host name", peers(line, `localhost:80 1 up # "b"`), "malformed line 3"},
		{"an address of nobody", peers(`10.0.0.256:80 1 up # "b"`), "malformed line 2"},
		{"weight 0", peers(line, line, b.Addr+` 0 up # "b"`), "malformed line 4"},
		{"no port", peers(`10.0.0.1:0 1 up # "b"`), "malformed line 2"},
		{"an unknown role", peers(line, b.Addr+` 1 upside # "b"`), "malformed line 3"},
		{"a heavy weight", peers(b.Addr + ` 1000001 up # "b"`), "malformed line 2"},
		{"too many nodes", peers(many...), "more nodes"},
		{"more text", peers(b.Addr + ` 1 up more # "b"`), "malformed line 2"},
		{"too much", peers(strings.Repeat("x", 1<<20)), "too long"},
	} {
		e.setPeers(t, bad.text)
		reported(bad.what, bad.fault)
	}
	if err := os.Remove(filepath.Join(e.Prefix, "site", "peers")); err != nil {
		t.Fatal(err)
	}
	reported("a missing file", "No such file")
	// New workers begin with what the old ones knew.
	before := e.workers(t)
	if out, err := exec.Command(binary(t), "-e", "stderr", "-p", e.Prefix, "-c", "nginx.conf", "-s", "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	await.Until(t, "there are new workers alone", func() bool {
		return !slices.ContainsFunc(e.workers(t), func(id string) bool { return slices.Contains(before, id) })
	})
	if got := e.asked(t, 20); got["a"] != 20 {
		t.Errorf("after a reload: got %v, want a as before", got)
	}
	e.setPeers(t, peers(line))
	e.reads(t, "b")
}

// The only node is never given up, as with max_fails=0.
func TestBalancerGoesOnAskingTheOnlyNode(t *testing.T) {
	t.Parallel()
	n := startRaw(t, dies)
	e := start(t, site{Peers: peers(append(peerLines("up", n), peerLines("down", named(t, "down"))...)...)})
	for i := range 6 {
		a := e.buy(t, "demo")
		wantStatus(t, a, http.StatusBadGateway)
		if got := n.Requests.Load(); got != int64(i+1) {
			t.Fatalf("the node got %d of %d purchases, want each once", got, i+1)
		}
	}
}

// A node that comes back under its address is a new process.
func TestBalancerForgetsTheMarksOfANodeThatReturns(t *testing.T) {
	t.Parallel()
	gone, alive := dead(t), named(t, "alive")
	both := peers(peerLines("up", gone, alive)...)
	e := start(t, site{Peers: both})
	retries := func() (retried int) {
		for range 20 {
			a := e.buy(t, "demo")
			wantStatus(t, a, http.StatusCreated)
			if a.Header.Get("Onsale-Retried") == "1" {
				retried++
			}
		}
		return retried
	}
	if got := retries(); got != 3 {
		t.Errorf("got %d retried purchases, want 3", got)
	}
	other := named(t, "other")
	e.setPeers(t, peers(append(peerLines("up", other), peerLines("down", alive)...)...))
	e.reads(t, "other")
	e.setPeers(t, both)
	await.Until(t, "the node is asked again", func() bool { return e.buy(t, "demo").Header.Get("Onsale-Retried") == "1" })
}

// Marks of most nodes are more likely to be Nginx's fault than theirs: they would leave buyers with a 502, or all of them to
// the few nodes that are left.
func TestBalancerIgnoresMarksOfMostNodes(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	failing := func(name string) *node {
		return startNode(t, func(w http.ResponseWriter, r *http.Request) {
			if away.Load() {
				panic(http.ErrAbortHandler) // closes the connection
			}
			w.Header().Set("Node", name)
			w.WriteHeader(http.StatusCreated)
		})
	}
	e := start(t, site{Peers: peers(peerLines("up", failing("a"), failing("b"), failing("c"), named(t, "d"), named(t, "e"))...)})
	away.Store(true)
	for range 10 { // three of them may try only those three nodes
		e.buy(t, "demo")
	}
	if got := e.asked(t, 20); got["d"]+got["e"] != 20 {
		t.Errorf("got %v, want retries to go to the nodes that answer", got)
	}
	away.Store(false)
	if got := e.asked(t, 20); got["a"] != 4 || got["b"] != 4 || got["c"] != 4 || got["d"] != 4 || got["e"] != 4 {
		t.Errorf("got %v, want all nodes asked in turn though three of five are marked", got)
	}
}
