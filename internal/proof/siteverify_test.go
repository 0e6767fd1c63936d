package proof_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/proof"
	"onsale/internal/testbed/await"
)

const providersSecret = "0x4AAAAAAA-secret"

// asking is a Siteverify of a provider, and what it reported.
type asking struct {
	*proof.Siteverify
	failed   atomic.Int64
	admitted atomic.Int64
}

// ask makes one whose provider answers so, changed by some.
func ask(t testing.TB, provider http.HandlerFunc, change ...func(*proof.SiteverifyConfig)) *asking {
	t.Helper()
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	return askAt(t, server.URL, change...)
}

func askAt(t testing.TB, url string, change ...func(*proof.SiteverifyConfig)) *asking {
	t.Helper()
	secret, err := proof.ParseSecret(providersSecret)
	if err != nil {
		t.Fatal(err)
	}
	config := proof.DefaultSiteverifyConfig()
	config.URL, config.Secret = url, secret
	config.Timeout = 30 * time.Second // nothing here is slow but what is meant to be
	for _, c := range change {
		c(&config)
	}
	a := &asking{}
	a.Siteverify, err = proof.NewSiteverify(config, proof.SiteverifyHooks{Failed: func(reason error, d proof.Decision) {
		if strings.Contains(reason.Error(), providersSecret) {
			t.Errorf("got the reason %v, which shows the secret", reason)
		}
		a.failed.Add(1)
		if d == proof.Admitted {
			a.admitted.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func (a *asking) verify(t testing.TB, response string) error {
	t.Helper()
	return a.Verify(t.Context(), concert, alice, response, "192.0.2.7", noon)
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAProviderIsAskedInTheCommonForm(t *testing.T) {
	a := ask(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		got := fmt.Sprint(r.Method, r.Header.Get("Content-Type"), r.URL.RawQuery, r.PostForm)
		if want := "POSTapplication/x-www-form-urlencodedmap[remoteip:[192.0.2.7] response:[03A-a_b.c~d+e/f=] secret:[" + providersSecret + "]]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		answer(200, `{"success":true,"challenge_ts":"2042-05-01T12:00:00Z","hostname":"tickets.example","error-codes":[]}`)(w, r)
	})
	if err := a.verify(t, "03A-a_b.c~d+e/f="); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestAnAddressThatIsNotKnownIsNotSent(t *testing.T) {
	a := ask(t, func(w http.ResponseWriter, r *http.Request) {
		if _, sent := r.PostForm["remoteip"]; r.ParseForm() != nil || sent || r.PostForm.Has("remoteip") {
			t.Errorf("got %v, want no remoteip", r.PostForm)
		}
		answer(200, `{"success":true}`)(w, r)
	})
	if err := a.Verify(t.Context(), concert, alice, "x", "", noon); err != nil {
		t.Error(err)
	}
}

// Whatever a buyer sends must neither open the breaker nor, where outages admit, the line.
func TestABuyersFaultIsNoOutage(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		status   int
		body     string
		asked    bool
		want     string
	}{
		"rejected":                     {"x", 200, `{"success":false,"error-codes":["invalid-input-response"]}`, true, "(invalid-input-response)"},
		"taken before":                 {"x", 200, `{"success":false,"error-codes":["timeout-or-duplicate"]}`, true, "(timeout-or-duplicate)"},
		"rejected with 400":            {"x", 400, `{"success":false,"error-codes":["bad-request"]}`, true, "(bad-request)"},
		"rejected without a code":      {"x", 200, `{"success":false}`, true, "rejects it"},
		"rejected with a hostile code": {"x", 200, `{"success":false,"error-codes":["<script>","\u001b[2J"]}`, true, "rejects it"},
		"too long":                     {strings.Repeat("x", 6<<10+1), 200, `{"success":true}`, false, "at most 6144 bytes"},
		"with a line end":              {"x\r\nx", 200, `{"success":true}`, false, "characters"},
		"what a firewall would reject": {"<script>", 200, `{"success":true}`, false, "characters"},
		"unicode":                      {"ｘ", 200, `{"success":true}`, false, "characters"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			a := ask(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				answer(c.status, c.body)(w, r)
			}, func(c *proof.SiteverifyConfig) { c.FailOpen, c.TripAfter = true, 2 })
			for range 5 {
				if err := a.verify(t, c.response); !errors.Is(err, proof.ErrWrong) || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "<\x1b") {
					t.Fatalf("got %v, want %v with %s", err, proof.ErrWrong, c.want)
				}
			}
			if a.Tripped() || a.failed.Load() != 0 || (asked.Load() > 0) != c.asked {
				t.Errorf("got tripped %v, %d failures and %d questions, want none of both, and questions: %v", a.Tripped(), a.failed.Load(), asked.Load(), c.asked)
			}
		})
	}
	a := ask(t, answer(200, `{"success":true}`))
	if err := a.verify(t, ""); !errors.Is(err, proof.ErrRequired) {
		t.Errorf("without a response: got %v, want %v", err, proof.ErrRequired)
	}
}

func TestWhatIsNoVerdictFailsClosedUnlessItIsToFailOpen(t *testing.T) {
	away := httptest.NewServer(nil)
	away.Close()
	for name, provider := range map[string]http.HandlerFunc{
		"no JSON":                answer(200, "<html>Sorry</html>"),
		"nothing":                answer(200, ""),
		"no success":             answer(200, `{"ok":true}`),
		"success that is a text": answer(200, `{"success":"true"}`),
		"success that is null":   answer(200, `{"success":null}`),
		"a list":                 answer(200, `[{"success":true}]`),
		"more behind it":         answer(200, `{"success":true}{"success":false}`),
		"success with 400":       answer(400, `{"success":true}`),
		"an error of its own":    answer(500, `{"success":true}`),
		"too many questions":     answer(429, `{"success":false}`),
		"another site's secret":  answer(200, `{"success":false,"error-codes":["invalid-input-secret"]}`),
		"too much":               answer(200, `{"success":true,"x":"`+strings.Repeat("x", 16<<10)+`"}`),
		"endless":                endless,
		"too slow": func(_ http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // the server notices that the client went away once the body has been read
			<-r.Context().Done()
		},
		"hung up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"away": nil,
	} {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, open: %v", name, open), func(t *testing.T) {
				change := func(c *proof.SiteverifyConfig) {
					c.FailOpen = open
					if name == "too slow" {
						c.Timeout = 20 * time.Millisecond
					}
				}
				url := away.URL
				if provider != nil {
					server := httptest.NewServer(provider)
					defer server.Close()
					url = server.URL
				}
				a := askAt(t, url, change)
				err := a.verify(t, "x")
				if open != (err == nil) || !open && !errors.Is(err, proof.ErrUnavailable) {
					t.Errorf("got %v, want %v unless it fails open", err, proof.ErrUnavailable)
				}
				if a.failed.Load() != 1 || (a.admitted.Load() == 1) != open {
					t.Errorf("got %d failures, %d admitted, want 1, admitted: %v", a.failed.Load(), a.admitted.Load(), open)
				}
				a.Close()
			})
		}
	}
}

// endless answers until its reader has gone.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
			return
		}
	}
}

// A redirect would carry the secret to whoever it names.
func TestNoRedirectIsFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answer(200, `{"success":true}`)(w, r)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		a := ask(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if err := a.verify(t, "x"); !errors.Is(err, proof.ErrUnavailable) {
			t.Errorf("%d: got %v, want %v", status, err, proof.ErrUnavailable)
		}
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("got %d questions elsewhere, want none", got)
	}
}

func TestTheBreakerStopsAskingAProviderThatIsAway(t *testing.T) {
	var asked atomic.Int64
	var back atomic.Bool
	a := ask(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if back.Load() {
			answer(200, `{"success":true}`)(w, r)
			return
		}
		answer(503, "")(w, r)
	}, func(c *proof.SiteverifyConfig) { c.TripAfter, c.Cooldown = 3, 2*time.Second })
	for range 10 {
		if err := a.verify(t, "x"); !errors.Is(err, proof.ErrUnavailable) {
			t.Fatalf("got %v, want %v", err, proof.ErrUnavailable)
		}
	}
	if got := asked.Load(); got < 3 || got > 4 { // 4: this machine was slow, and the cooldown over
		t.Errorf("got %d questions, want 3", got)
	}
	back.Store(true)
	await.Until(t, "an answer of the provider that is back", func() bool { return a.verify(t, "x") == nil })
}

// A caller who goes away proves nothing about the provider.
func TestWhoGivesUpDoesNotOpenTheBreaker(t *testing.T) {
	a := ask(t, answer(200, `{"success":true}`), func(c *proof.SiteverifyConfig) { c.TripAfter, c.Cooldown = 1, time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Verify(ctx, concert, alice, "x", "", noon); !errors.Is(err, proof.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, proof.ErrUnavailable)
	}
	if err := a.verify(t, "x"); err != nil {
		t.Errorf("got %v afterwards, want nil", err)
	}
}

func TestQuestionsUnderWayAreBounded(t *testing.T) {
	release := make(chan struct{})
	var under atomic.Int64
	a := ask(t, func(w http.ResponseWriter, r *http.Request) {
		under.Add(1)
		<-release
		answer(200, `{"success":true}`)(w, r)
	}, func(c *proof.SiteverifyConfig) { c.Questions = 3 })
	ended := make(chan error, 3)
	for range 3 {
		go func() { ended <- a.verify(t, "x") }()
	}
	await.Until(t, "three questions under way", func() bool { return under.Load() == 3 })
	if err := a.verify(t, "x"); !errors.Is(err, proof.ErrUnavailable) {
		t.Errorf("the fourth: got %v, want %v", err, proof.ErrUnavailable)
	}
	close(release)
	for range 3 {
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
	if err := a.verify(t, "x"); err != nil {
		t.Errorf("afterwards: got %v, want nil", err)
	}
}

func TestSiteverifyAddressesAreHTTPSOrLoopback(t *testing.T) {
	secret, err := proof.ParseSecret(providersSecret)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"https://challenges.example/turnstile/v0/siteverify": true, "http://127.0.0.1:80/siteverify": true, "http://[::1]/v": true, "http://localhost:8000/v": true,
		"http://challenges.example/siteverify": false, "http://10.0.0.1/v": false, "http://169.254.169.254/latest": false, "ftp://127.0.0.1/v": false,
		"file:///etc/passwd": false, "gopher://127.0.0.1": false, "https://": false, "//challenges.example/v": false, "": false, "https://user:pass@challenges.example/v": false,
		"http://localhost.example/v": false, "http://127.0.0.1.example/v": false, "https://a/#x": false, "http://127.0.0.1@challenges.example/": false, "::": false,
	} {
		config := proof.DefaultSiteverifyConfig()
		config.URL, config.Secret = url, secret
		err := config.Validate()
		if (err == nil) != want {
			t.Errorf("%s: got %v, want it accepted: %v", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("got %v, which shows a password", err)
		}
	}
	if err := (proof.SiteverifyConfig{}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("got %v, want all five faults", err)
	}
	// What localhost stands for is checked when it is looked up: nothing is sent in the clear to another machine.
	a := askAt(t, "http://localhost:1/v")
	if err := a.Dial("192.0.2.1:80"); !errors.Is(err, proof.ErrNotLoopback) {
		t.Errorf("got %v, want %v", err, proof.ErrNotLoopback)
	}
}

// A provider whose certificate nobody vouches for gets no secret.
func TestACertificateIsVerified(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(200, `{"success":true}`)(w, r)
	}))
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	a := askAt(t, server.URL)
	if err := a.verify(t, "x"); !errors.Is(err, proof.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want %v for its certificate", err, proof.ErrUnavailable)
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("got %d questions, want none", got)
	}
}

func TestASecretIsReadFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]bool{providersSecret + "\n": true, "": false, "short": false, "two lines of\nsecrets": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := proof.LoadSecret(file); (err == nil) != want {
			t.Errorf("%q: got %v, want it accepted: %v", text, err, want)
		}
	}
	if _, err := proof.LoadSecret(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestNoneAsksForNothing(t *testing.T) {
	var v proof.Verifier = proof.None{}
	if err := v.Verify(t.Context(), concert, alice, "", "", noon); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
