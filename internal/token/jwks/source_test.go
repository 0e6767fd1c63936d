package jwks_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/testbed/await"
	"onsale/internal/token/jwks"
)

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	first, second := newKey(t, "1"), newKey(t, "2")
	p := newProvider(t, publishes(set(t, first)))
	r := run(t, quick(p.URL))
	<-r.Known()
	if err := r.Unready(); err != nil || !r.accepts(first.token(t)) || r.accepts(second.token(t)) {
		t.Fatalf("got %v, want the first key alone to count", err)
	}
	old := first.token(t)
	p.answers(publishes(set(t, first, second)))
	await.Until(t, "the second key to count", func() bool { return r.accepts(second.token(t)) })
	if !r.accepts(old) {
		t.Error("got the first key's token refused, want both to count")
	}
	p.answers(publishes(set(t, second)))
	await.Until(t, "the first key's tokens to be refused, also one that was verified before", func() bool { return !r.accepts(old) })
	if !r.accepts(second.token(t)) || r.accepts(first.token(t)) {
		t.Error("got the keys of before, want the second alone")
	}
	if got := r.lines("the identity provider's keys count"); got != 3 {
		t.Errorf("got %d lines of new keys, want one for each change", got)
	}
}

// A provider that signs with a key as soon as it publishes it needs no buyer to wait for the next refresh.
func TestAnUnknownKeyIDBringsTheRequestForward(t *testing.T) {
	t.Parallel()
	first, second := newKey(t, "1"), newKey(t, "2")
	p := newProvider(t, publishes(set(t, first)))
	c := quick(p.URL)
	c.Refresh = time.Hour
	r := run(t, c)
	<-r.Known()
	p.answers(publishes(set(t, second)))
	await.Until(t, "the second key to count", func() bool { return r.accepts(second.token(t)) })
}

func TestStrangersCauseNoRequests(t *testing.T) {
	t.Parallel()
	k, stranger := newKey(t, "1"), newKey(t, "x")
	p := newProvider(t, publishes(set(t, k)))
	c := quick(p.URL)
	c.Refresh, c.Refetch = 2*time.Hour, time.Hour
	r := run(t, c)
	<-r.Known()
	for i := range 2000 {
		if r.accepts(stranger.tokenOf(t, fmt.Sprint("random ", i))) {
			t.Fatal("got a stranger's token accepted")
		}
	}
	if got := p.asked.Load(); got != 1 {
		t.Errorf("got %d requests within the least time between two, want 1", got)
	}
}

// What the address answers in place of a key set, and what the log shows of it.
var wrong = map[string]struct {
	answer http.HandlerFunc
	want   string
}{
	"garbage":        {publishes([]byte("\x00\xff\xfe garbage")), "not a JSON Web Key Set"},
	"a page":         {publishes([]byte("<html>down for maintenance</html>")), "not a JSON Web Key Set"},
	"nothing":        {func(http.ResponseWriter, *http.Request) {}, "not a JSON Web Key Set"},
	"no keys":        {publishes([]byte(`{"keys":[]}`)), "no key that can be used"},
	"half a set":     {publishes([]byte(`{"keys":[{"kty":"EC",`)), "not a JSON Web Key Set"},
	"a secret":       {publishes([]byte(`{"keys":[{"kty":"oct","kid":"1","k":"dGhpcnR5LXR3byBieXRlcyBvZiB0ZXN0IHNlY3JldHM"}]}`)), "guards nothing"},
	"an error":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "answers 500"},
	"not found":      {http.NotFound, "answers 404"},
	"another status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "answers 204"},
	"another place":  {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "another address"},
	"100 MB":         {huge, "longer than 262144 bytes"},
	"20 MB, zipped":  {zipped, "not a JSON Web Key Set"},
	"a long header":  {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "header"},
	"a broken pipe":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	"a short body": {func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("{"))
	}, "EOF"},
}

func huge(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte(`{"keys":[],"x":"`))
	for chunk := bytes.Repeat([]byte("x"), 1<<20); ; {
		if _, err := w.Write(chunk); err != nil { // it ends when nobody reads
			return
		}
	}
}

// blanks are 20 MB in some 20 KB.
var blanks = sync.OnceValue(func() []byte {
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	for chunk := bytes.Repeat([]byte(" "), 1<<20); small.Len() < 20<<10; {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	return small.Bytes()
})

func zipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(blanks())
}

func TestWhateverTheAddressAnswersTheLastKeysCount(t *testing.T) {
	t.Parallel()
	blanks() // takes longer than a request may
	for name, c := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, "1")
			p := newProvider(t, publishes(set(t, k)))
			r := run(t, quick(p.URL))
			<-r.Known()
			text := k.token(t)
			p.answers(c.answer)
			await.Until(t, "three requests to fail", func() bool { return r.failed.Load() >= 3 })
			if !r.accepts(text) || !r.accepts(k.token(t)) || r.Unready() != nil {
				t.Error("got a token refused, want the last keys to count")
			}
			if got := r.lines(cannot); got != 1 {
				t.Errorf("got %d lines, want one for an outage", got)
			}
			if line := fmt.Sprint(r.logs.FilterLevelExact(zap.WarnLevel).All()[0].ContextMap()); !strings.Contains(line, c.want) || !strings.Contains(line, p.URL) {
				t.Errorf("got the line %s, want %q and the address in it", line, c.want)
			}
			next := newKey(t, "2")
			p.answers(publishes(set(t, next)))
			await.Until(t, "the address to be read again", func() bool { return r.accepts(next.token(t)) })
			await.Until(t, "the line of the end of the outage", func() bool { return r.lines("the identity provider's keys can be read again") == 1 })
		})
	}
}

func TestWithoutAnyAnswerTheLastKeysCount(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	p := newProvider(t, publishes(set(t, k)))
	r := run(t, quick(p.URL))
	<-r.Known()
	p.Close()
	await.Until(t, "three requests to fail", func() bool { return r.failed.Load() >= 3 })
	if !r.accepts(k.token(t)) || r.lines(cannot) != 1 {
		t.Errorf("got it refused, or %d lines", r.lines(cannot))
	}
}

// Neither an address that never answers nor one that answers a byte at a time is waited for.
func TestAnAddressThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(http.ResponseWriter, *http.Request){
		"before its answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"within its answer": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
			}
		},
		"after its header": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, "1")
			p := newProvider(t, publishes(set(t, k)))
			c := quick(p.URL)
			r := prepare(t, c)
			if err := r.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.answers(hang)
			r.SetTimeout(200 * time.Millisecond)
			if err := r.Ask(t.Context()); err == nil {
				t.Error("got no error, want the request cut off")
			}
			if !r.accepts(k.token(t)) {
				t.Error("got a token refused, want the last keys to count")
			}
		})
	}
}

func TestAProcessWaitsForItsFirstKeys(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	p := newProvider(t, http.NotFound)
	r := run(t, quick(p.URL))
	await.Until(t, "a request to fail", func() bool { return r.failed.Load() > 0 })
	if err := r.Unready(); err == nil || !strings.Contains(err.Error(), "answers 404") || r.accepts(k.token(t)) {
		t.Errorf("got %v, want why there are no keys", err)
	}
	p.answers(publishes(set(t, k)))
	<-r.Known()
	if err := r.Unready(); err != nil || !r.accepts(k.token(t)) {
		t.Errorf("got %v, want the keys to count", err)
	}
}

func TestOnlyACertificateThatIsTrustedBringsKeys(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	server := httptest.NewUnstartedServer(publishes(set(t, k)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	r := prepare(t, quick(server.URL))
	if err := r.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want the certificate refused", err)
	}
	r.Trust(server.Certificate())
	if err := r.Ask(t.Context()); err != nil || !r.accepts(k.token(t)) {
		t.Errorf("got %v, want the keys to count", err)
	}
}

func TestTheAddressNeedsTLSOrLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://login.example.com/keys", "https://10.0.0.1:8443/keys?p=b2c", "http://127.0.0.1/keys", "http://[::1]:8080/keys", "http://127.8.8.8/"} {
		if err := jwks.DefaultConfig(address).Validate(); err != nil {
			t.Errorf("%s: got %v, want it accepted", address, err)
		}
	}
	for _, address := range []string{
		"", "keys.json", "/etc/keys.json", "file:///etc/keys.json", "http://login.example.com/keys", "http://localhost/keys", "http://10.0.0.1/keys", "http://127.0.0.1.example.com/",
		"http://[::ffff:10.0.0.1]/", "https://user:geheim@login.example.com/", "https://user@login.example.com/", "https:///keys", "https://:443/keys", "https://h/keys#x",
		"ftp://127.0.0.1/", "HTTPS//h", "https:h", "://", "https://h:port/", "http://0.0.0.0/", "http://2130706433/", "javascript:alert(1)",
	} {
		if err := jwks.DefaultConfig(address).Validate(); err == nil || !strings.Contains(err.Error(), "--jwks-url: want ") || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want it refused", address, err)
		}
	}
	c := jwks.DefaultConfig("https://h/")
	c.Refresh, c.Timeout = time.Second, 0
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--jwks-refresh 1s: want at least 10s") || !strings.Contains(err.Error(), "bounds") {
		t.Errorf("got %v, want both faults", err)
	}
}
