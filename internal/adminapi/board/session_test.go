package board

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi"
)

func TestOnlyOperatorsLook(t *testing.T) {
	f := newFake(1, 1)
	server := f.serve(t)
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	ask := func(method, path, body string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
			return answer.StatusCode, ""
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, strings.TrimSpace(string(text))
	}
	const open, shut = `{"open":true}`, `{"open":false}`
	want := func(what string, status int, text string, gotStatus int, gotText string) {
		t.Helper()
		if gotStatus != status || text != "" && gotText != text {
			t.Errorf("%s: got %d %s, want %d %s", what, gotStatus, gotText, status, text)
		}
	}
	check := func(what string, status int, text string, method, path, body string, header ...string) {
		t.Helper()
		gotStatus, gotText := ask(method, path, body, header...)
		want(what, status, text, gotStatus, gotText)
	}
	check("without anything", 401, "", "GET", "/board/events", "")
	check("the question", 200, shut, "GET", "/board/session", "")
	check("another token", 401, "", "GET", "/board/events", "", "Authorization", "Bearer "+token+"x")
	check("a token in the address", 401, "", "GET", "/board/events?token="+url.QueryEscape(token), "")
	check("a wrong token", 200, shut, "POST", "/board/session", `{"token":"no"}`)
	check("no JSON", 422, "", "POST", "/board/session", `token`)
	check("from another site", 403, "", "POST", "/board/session", `{"token":"`+token+`"}`, "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site")
	check("still none", 401, "", "GET", "/board/events", "")
	check("the token as a bearer", 200, "", "GET", "/board/events", "", "Authorization", "bearer "+token)
	check("the token", 200, open, "POST", "/board/session", `{"token":" `+token+` "}`)
	check("the session", 200, "", "GET", "/board/events", "")
	check("the question", 200, open, "GET", "/board/session", "")
	check("the end", 200, shut, "DELETE", "/board/session", "")
	check("after the end", 401, "", "GET", "/board/events", "")
}

func TestASessionIsNoTokenAndEnds(t *testing.T) {
	f := newFake(1, 1)
	now := time.Now()
	w := httptest.NewRecorder()
	f.board.begin(w, httptest.NewRequest("POST", "/board/session", strings.NewReader(`{"token":"`+token+`"}`)))
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/board" || strings.Contains(c.Value, token) {
		t.Errorf("got the cookie %+v, want HttpOnly, SameSite=Strict, for /board, and no token in it", c)
	}
	open := func(b *Board, value string, at time.Time) bool {
		r := httptest.NewRequest("GET", "/board/events", nil)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: value})
		return b.open(r, at)
	}
	if !open(f.board, c.Value, now) || !open(f.board, c.Value, now.Add(sessionLives-time.Minute)) {
		t.Error("want the session to be good for a week")
	}
	expires, proof, _ := strings.Cut(c.Value, ".")
	for what, value := range map[string]string{
		"longer": "9" + expires[1:] + "." + proof, "without proof": expires + ".", "another proof": expires + "." + strings.Repeat("0", 64), "nothing": "", "the token": token,
		"for ever": session(token, now.Add(1000*time.Hour)), "of another token": session("a token that is not the site's", now.Add(time.Hour)),
	} {
		if open(f.board, value, now) {
			t.Errorf("%s: got in, want it refused", what)
		}
	}
	if open(f.board, c.Value, now.Add(sessionLives+time.Second)) {
		t.Error("got in after a week, want the session ended")
	}
	rotated := New(Site{}, NewFeed(), adminapi.Tokens{"another token of the test"}, f.board.log)
	if open(rotated, c.Value, now) {
		t.Error("got in with a token that was taken out, want it refused")
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	server := newFake(1, 1).serve(t)
	for path, kind := range map[string]string{"/board": "text/html", "/board/board.css": "text/css", "/board/board.js": "text/javascript", "/board/icon.svg": "image/svg+xml"} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		h := answer.Header
		if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), kind) {
			t.Errorf("%s: got %v, %s, %s, want %s", path, err, answer.Status, h.Get("Content-Type"), kind)
		}
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: got headers %v, want the policy", path, h)
		}
		for _, no := range []string{"https://", "<style", "style=", "onclick="} {
			if strings.Contains(string(text), no) {
				t.Errorf("%s has %q", path, no)
			}
		}
	}
}
