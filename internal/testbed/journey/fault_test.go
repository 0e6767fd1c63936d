package journey_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/browser"
	"onsale/internal/testbed/process"
)

// watch has the page remember which of its answers came by a second try of Nginx's.
const watch = `(() => { const f = window.fetch; window.retried = []; window.fetch = async (...a) => { const r = await f(...a); retried.push(r.headers.get('Onsale-Retried')); return r } })()`

func TestANodeKilledBetweenClickAndAnswer(t *testing.T) {
	w := buyer(t, here.open(t, "killed", 10, nil), "buy")
	victim := here.Nodes[0]
	here.admin(t, "POST", "/nodes/"+victim.Name+"/weight", `{"weight":1000000}`) // so that the purchase comes to it
	await.Until(t, "all buyers to come to one node", func() bool {
		weights, err := here.Upstream()
		if err != nil || weights[victim.Name] != 1_000_000 {
			return false
		}
		// Nginx reads that file a moment later.
		const asks = 20
		before := sessionsAsked(t, victim)
		for range asks {
			_ = process.Get(here.Front() + "/v1/session") // 401
		}
		return sessionsAsked(t, victim) == before+asks
	})
	browser.Eval[any](w, "void "+watch)
	if err := victim.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			_ = victim.Resume() // or the next test waits for it; it may have been killed
		}
	})
	w.Click("#primary")
	await.Until(t, "the purchase to come to the node", func() bool { return unread(t, victim) })
	w.Wait(screen("buying"))
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	w.Wait(screen("held"))
	noProblem(t, w)
	if got := browser.Eval[[]string](w, "retried.map(String)"); !strings.Contains(strings.Join(got, " "), "1") {
		t.Errorf("got answers retried: %q, want one: the node was not killed in time", got)
	}
	here.want(t, "killed", books{9, 1, 0})
	here.admin(t, "POST", "/nodes/"+victim.Name+"/weight", `{"own":true}`)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	if err := here.AwaitUpstream(here.ctx, len(here.Nodes)); err != nil {
		t.Fatal(err)
	}
}

var sessions = regexp.MustCompile(`(?m)^onsale_buyerapi_answers_total\{code="unauthorized",endpoint="session"\} (\d+)$`)

// sessionsAsked is how often a node answered that nobody is signed in.
func sessionsAsked(t *testing.T, m *testbed.Member) int {
	t.Helper()
	_, text, err := process.Fetch("http://" + m.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	found := sessions.FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// unread reports whether a node has been sent something that it has not read.
func unread(t *testing.T, m *testbed.Member) bool {
	t.Helper()
	_, port, err := net.SplitHostPort(m.Listen)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sl, local address, remote address, state (01: established), queues
		if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && f[3] == "01" && !strings.HasSuffix(f[4], ":00000000") {
			return true
		}
	}
	return false
}

func TestRedisAwayForThreeSeconds(t *testing.T) {
	w := buyer(t, here.open(t, "away", 10, nil), "buy")
	if err := here.Redis.Pause(); err != nil {
		t.Fatal(err)
	}
	w.Click("#primary")
	w.Wait(screen("buying"))
	since := browser.Eval[float64](w, "performance.now()")
	const longer = "The page goes on trying by itself: your request counts only once."
	for browser.Eval[float64](w, "performance.now()") < since+3000 || !strings.Contains(w.Text("#text"), longer) {
		if got := w.Text("main"); !browser.Eval[bool](w, screen("buying")) || strings.Contains(got, "Sold out") {
			t.Fatalf("got %q while nobody can know, want that the page goes on trying", got)
		}
	}
	if err := here.Redis.Resume(); err != nil {
		t.Fatal(err)
	}
	w.Wait(screen("held"))
	noProblem(t, w)
	here.want(t, "away", books{9, 1, 0})
}

// lose has the first answer to a purchase get lost on its way to the page.
const lose = `(() => { const f = window.fetch; window.lost = 0; window.fetch = async (...a) => {
	const r = await f(...a); if (a[1].method === 'POST' && !window.lost++) throw new TypeError('connection lost'); return r } })()`

func TestALostAnswerIsOneOrder(t *testing.T) {
	w := buyer(t, here.open(t, "lost", 10, nil), "buy")
	browser.Eval[any](w, "void "+lose)
	w.Click("#primary")
	w.Wait(screen("held"))
	noProblem(t, w)
	if got := browser.Eval[int](w, "lost"); got != 2 {
		t.Errorf("got %d purchases sent, want the one whose answer was lost, and one more", got)
	}
	here.want(t, "lost", books{9, 1, 0})
}
