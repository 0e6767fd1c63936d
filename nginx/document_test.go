package nginx_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// How a node marks a document, one that nobody may have for longer, and that there is no such sale.
const (
	keptStale     = "public, max-age=1, stale-while-revalidate=1, stale-if-error=1"
	keptOneSecond = "public, max-age=1"
)

// shows answers like a node that is asked for a sale: with how often it was.
func shows(kept string) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", kept)
		h.Set("Onsale-Asked-At", r.Header.Get("Onsale-Asked-At"))
		h.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		fmt.Fprintf(w, `{"asked":%d}`, asked.Add(1))
	}
}

func (e *edge) show(t *testing.T, headers ...string) answer {
	t.Helper()
	return e.do(t, "GET", "/v1/sales/demo", "", headers...)
}

// warm has the document kept: ids that nobody asks for twice are not.
func (e *edge) warm(t *testing.T) {
	t.Helper()
	for range 2 {
		wantStatus(t, e.show(t), http.StatusOK)
	}
}

func (e *edge) kept(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(e.Prefix, "cache_documents"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestASalesDocumentIsKeptForASecond(t *testing.T) {
	t.Parallel()
	n := startNode(t, shows(keptStale))
	e := start(t, site{Upstream: servers(n)})
	ids, began := map[string]bool{}, time.Now()
	const asks = 300
	for range asks {
		a := e.show(t)
		wantStatus(t, a, http.StatusOK)
		wantHeader(t, a, "Content-Type", "application/json")
		wantHeader(t, a, "Cache-Control", "no-store")
		wantHeader(t, a, "Onsale-Retried", "")
		ids[a.Header.Get("X-Request-Id")] = true
	}
	if len(ids) != asks {
		t.Errorf("got %d request ids in %d answers, want one each", len(ids), asks)
	}
	// Two at first, and then one in two seconds.
	if got, most := n.Requests.Load(), 3+int64(time.Since(began).Seconds()); got > most {
		t.Errorf("%d asks reached the node %d times, want at most %d", asks, got, most)
	}
	a := e.do(t, "HEAD", "/v1/sales/demo", "")
	wantStatus(t, a, http.StatusOK)
	if a.Text != "" || a.ContentLength <= 0 {
		t.Errorf("HEAD: got %q and the length %d, want no body, and its length", a.Text, a.ContentLength)
	}
	if got := e.kept(t); got != 1 {
		t.Errorf("got %d files, want one for the sale", got)
	}
}

// A page counts down to the opening by the document's server_time, which may be two seconds old.
func TestADocumentHasItsAge(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, shows(keptStale)))})
	e.warm(t)
	age := func(a answer) time.Duration {
		var seconds [2]float64
		for i, name := range []string{"Onsale-Asked-At", "Onsale-Answered-At"} {
			var err error
			if seconds[i], err = strconv.ParseFloat(a.Header.Get(name), 64); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		return time.Duration((seconds[1] - seconds[0]) * float64(time.Second))
	}
	first := e.show(t)
	began, was := time.Now(), age(first)
	for {
		time.Sleep(10 * time.Millisecond)
		before := time.Since(began)
		a := e.show(t)
		if a.Text != first.Text {
			if got := age(a); got > 500*time.Millisecond {
				t.Errorf("got a new document with the age %v", got)
			}
			return
		}
		if got, after := age(a)-was, time.Since(began); got < before-50*time.Millisecond || got > after+50*time.Millisecond {
			t.Fatalf("the document grew older by %v, want %v to %v", got, before, after)
		}
	}
}

// Whoever asks, the node gets the same request, so there is one document.
func TestADocumentDependsOnNothingThatAClientSends(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method       string // "": GET
		target, body string
		headers      []string
		status       int // 0: 200
	}{
		"a token":              {headers: []string{"Authorization: Bearer x.y.z", "Onsale-Place: x"}},
		"a cookie":             {headers: []string{"Cookie: a=b"}},
		"another host":         {headers: []string{"Host: evil.example", "X-Forwarded-Host: evil.example"}},
		"a range":              {headers: []string{"Range: bytes=0-1"}},
		"a condition":          {headers: []string{"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", `If-None-Match: "x"`}},
		"a coding":             {headers: []string{"Accept-Encoding: gzip", "Accept: text/html", "Accept-Language: de"}},
		"a wish for freshness": {headers: []string{"Cache-Control: no-cache", "Pragma: no-cache"}},
		"a time":               {headers: []string{"Onsale-Asked-At: 1"}},
		"a key":                {headers: []string{"Idempotency-Key: x"}},
		"large headers":        {headers: []string{"X-A: " + fmt.Sprintf("%7000d", 0), "X-B: " + fmt.Sprintf("%7000d", 0)}},
		"a body":               {body: fmt.Sprintf("%8000d", 0)},
		"a query":              {target: "?x=1&sale=other"},
		"any tag":              {headers: []string{"If-None-Match: *"}, status: http.StatusNotModified},
		"no body":              {method: "HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got atomic.Value
			show := shows(keptStale)
			n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
				h := r.Header.Clone()
				h.Del("X-Request-Id")
				if at, err := strconv.ParseFloat(h.Get("Onsale-Asked-At"), 64); err != nil || time.Since(time.UnixMilli(int64(at*1000))).Abs() > 10*time.Second {
					t.Errorf("got Onsale-Asked-At %q, want Nginx's own time", h.Get("Onsale-Asked-At"))
				}
				h.Del("Onsale-Asked-At")
				got.Store(fmt.Sprint(r.Method, r.RequestURI, r.Host, r.ContentLength, r.TransferEncoding, h))
				show(w, r)
			})
			e := start(t, site{Upstream: servers(n)})
			e.show(t)
			want := got.Load()
			// This one's answer is kept, as it is the second.
			a := e.do(t, cmp.Or(c.method, "GET"), "/v1/sales/demo"+c.target, c.body, c.headers...)
			wantStatus(t, a, cmp.Or(c.status, http.StatusOK))
			if got := got.Load(); got != want {
				t.Errorf("the node got\n%v, want what it gets from others\n%v", got, want)
			}
			if a := e.show(t); a.StatusCode != http.StatusOK || a.Text != `{"asked":2}` {
				t.Errorf("another one got %s %s, want the document that is kept", a.Status, a.Text)
			}
			wantHeader(t, e.show(t), "Content-Encoding", "")
			if got := e.kept(t); got != 1 {
				t.Errorf("got %d files, want one for the sale", got)
			}
		})
	}
}

func TestOnlyWhatANodeMarksIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, kind, kept string
		status             int
		header             string
	}{
		"a document that is no-store":        {"GET", "application/json", "no-store", 200, ""},
		"one for longer":                     {"GET", "application/json", "public, max-age=60", 200, ""},
		"one for Nginx's ears":               {"GET", "application/json", "", 200, "X-Accel-Expires"},
		"a page":                             {"GET", "text/html", keptStale, 200, ""},
		"one with a cookie":                  {"GET", "application/json", keptStale, 200, "Set-Cookie"},
		"an order":                           {"GET", "application/json", keptStale, 201, ""},
		"a refusal of one buyer":             {"GET", "application/problem+json", keptOneSecond, 429, ""},
		"that Redis is away":                 {"GET", "application/problem+json", keptOneSecond, 503, ""},
		"that there is none, for longer":     {"GET", "application/problem+json", keptStale, 404, ""},
		"what another method is answered":    {"POST", "application/json", keptStale, 200, ""},
		"what a deletion of it is answered":  {"DELETE", "application/json", keptStale, 200, ""},
		"what is asked about it is answered": {"OPTIONS", "application/json", keptStale, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h.Set("Content-Type", c.kind)
				if c.kept != "" {
					h.Set("Cache-Control", c.kept)
				}
				if c.header != "" {
					h.Set(c.header, "1")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, "{}")
			})
			e := start(t, site{Upstream: servers(n)})
			for range 5 {
				a := e.do(t, c.method, "/v1/sales/demo", "")
				wantStatus(t, a, c.status)
				wantHeader(t, a, "Cache-Control", "no-store")
			}
			if got := n.Requests.Load(); got != 5 {
				t.Errorf("5 asks reached the node %d times, want each", got)
			}
		})
	}
}

func TestGuessedSalesFillNoCache(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", keptOneSecond)
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "{}")
	})
	e := start(t, site{Upstream: servers(n)})
	for i := range 200 {
		wantStatus(t, e.do(t, "GET", fmt.Sprintf("/v1/sales/guess-%d", i), ""), http.StatusNotFound)
	}
	if got := e.kept(t); got != 0 {
		t.Errorf("200 guesses left %d files, want none", got)
	}
	before := n.Requests.Load()
	for range 200 {
		wantStatus(t, e.do(t, "GET", "/v1/sales/gone", ""), http.StatusNotFound)
	}
	if got := n.Requests.Load() - before; got > 10 {
		t.Errorf("a crowd that asks for a sale that is gone reached the node %d times, want once a second", got)
	}
}

// Nginx would answer these with 412 from a new document, and then not keep it.
func TestAConditionOfChangeKeepsNobodyFromADocument(t *testing.T) {
	t.Parallel()
	n := startNode(t, shows(keptStale))
	e := start(t, site{Upstream: servers(n)})
	for _, header := range []string{`If-Match: "x"`, "If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT"} {
		for range 10 {
			wantProblem(t, e.show(t, header), http.StatusBadRequest, "bad-request", "")
		}
	}
	if got := n.Requests.Load(); got != 0 {
		t.Errorf("they reached the node %d times, want never", got)
	}
}
