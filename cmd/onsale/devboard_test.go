package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/browser"
)

// boardOf is the address of the board in a greeting.
func boardOf(t *testing.T, greeting string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^board +(\S+)$`).FindStringSubmatch(greeting)
	if found == nil {
		t.Fatalf("got no address of a board in:\n%s", greeting)
	}
	return found[1]
}

// TestTheBoardOfDevBreaksARealSite clicks what a visitor would: a node, Redis and the allocator die, buyers come, and the board
// shows it. The audit at the end is clean.
func TestTheBoardOfDevBreaksARealSite(t *testing.T) {
	s := begin(t, "dev", "--real", "--port", "0", "--keys", keysIn(t), "--tickets", "200")
	w := browser.Start(t).Window(t, browser.Look{Width: 1440, Height: 900, Still: true})
	w.Go(boardOf(t, s.until(t, "Ctrl-C")))
	has := func(text string) string {
		return fmt.Sprintf(`document.querySelector("#timeline ol").innerText.includes(%q)`, text)
	}
	sells := func(n int) {
		w.Wait(fmt.Sprintf(`document.querySelector("#nodes-text").innerText.startsWith("%d sell")`, n))
	}
	press := func(action string) {
		w.Click(fmt.Sprintf(`#actions button[data-action="%s"]`, action))
	}
	sells(3)
	w.Wait(`document.querySelector('#actions button[data-action="kill-node"]:not(:disabled)')`)
	begun := time.Now()
	press("kill-node")
	w.Wait(has("n001 stopped answering"))
	t.Logf("the killed node was in the timeline after %v", time.Since(begun).Round(time.Millisecond))
	w.Wait(`document.querySelector('#actions button[data-action="start-node"]:not(:disabled)')`)
	press("start-node")
	press("add-node")
	w.Wait(has("n004 joined"))
	sells(4)

	press("kill-redis")
	w.Wait(has("Redis does not answer"))
	press("start-redis")
	w.Wait(has("Redis answers again"))
	sells(4)

	press("crowd")
	w.Wait(has("sold out"))
	w.Wait(`document.querySelector("#actions output").textContent.startsWith("1000 buyers")`)
	if got := w.Text("#actions output"); !strings.Contains(got, "200 bought") {
		t.Errorf("got %q, want 200 tickets sold", got)
	}
	w.Wait(`document.querySelector("#answers tbody").innerText.includes("created")`)
	if faults := w.Faults(); len(faults) > 0 {
		t.Errorf("got %q in the console, want nothing", faults)
	}

	press("kill-allocator")
	w.Wait(`document.querySelector("#chips").innerText.includes("connecting")`)
	press("start-allocator")
	w.Wait(`document.querySelector("#chips").innerText.includes("live") && document.querySelector("#chips").innerText.includes("a01 leads")`)
	printed, err := s.end()
	if err != nil || !regexp.MustCompile(`\bdemo\W+redis\W+200\W+0\W+200\W`).MatchString(printed) {
		t.Errorf("got %v and:\n%s\nwant all sold, and a clean audit", err, printed)
	}
}

// Pages of other sites can break nothing, and no address but dev's own leads there.
func TestNoOtherSiteBreaksDev(t *testing.T) {
	s := begin(t, "dev", "--port", "0", "--keys", keysIn(t), "--nodes", "1", "--tickets", "5")
	board := boardOf(t, s.until(t, "Ctrl-C"))
	post := func(action, host string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, board+"/actions/"+action, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	for what, c := range map[string]struct {
		action, host string
		header       []string
		want         int
	}{
		"another site":                 {"kill-redis", "", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"another port of this machine": {"kill-redis", "", []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		"a name that leads here":       {"kill-redis", "evil.example", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, http.StatusMisdirectedRequest},
		"no action":                    {"drop-tables", "", nil, http.StatusNotFound},
		"too many buyers":              {"crowd?buyers=1000000", "", nil, http.StatusConflict},
		"a node of this process":       {"kill-node?node=n001", "", nil, http.StatusConflict},
		"a crowd":                      {"crowd?buyers=20", "", nil, http.StatusOK},
	} {
		if got, text := post(c.action, c.host, c.header...); got != c.want {
			t.Errorf("%s: got %d %s, want %d", what, got, text, c.want)
		} else if what == "a crowd" && !strings.Contains(text, "5 bought") {
			t.Errorf("got %s, want 5 tickets bought", text)
		}
	}
	for _, action := range []string{"kill-redis", "kill-redis", "start-redis", "kill-redis"} { // it is started for the audit
		if got, text := post(action, "", "Origin", strings.TrimSuffix(board, "/board"), "Sec-Fetch-Site", "same-origin"); got != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", action, got, text)
		}
	}
	if printed, err := s.end(); err != nil || !regexp.MustCompile(`\bdemo\W+redis\W+5\W+0\W+5\W`).MatchString(printed) {
		t.Errorf("got %v and:\n%s\nwant all sold, and a clean audit", err, printed)
	}
}
