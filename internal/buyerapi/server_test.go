package buyerapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/buyerapi"
)

func TestEveryProblemIsADocument(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var successes []string
	for i := range buyerapi.Answers {
		a := buyerapi.Answer(i)
		if seen[a.String()] || a.String() == "" {
			t.Errorf("code %q is another's too", a)
		}
		seen[a.String()] = true
		if a.Status() < http.StatusBadRequest {
			successes = append(successes, a.String())
			continue
		}
		var ctx fasthttp.RequestCtx
		if got := buyerapi.WriteProblem(&ctx, a, `,"extra":`, `1`); got != a {
			t.Errorf("got %v, want %v", got, a)
		}
		raw := ctx.Response.String()
		r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, answer{r, raw, body}, a)
	}
	if diff := cmp.Diff([]string{"ok", "created", "replayed", "joined", "rejoined", "paid", "refund-due", "recorded", "ignored", "signed-in", "signed-out"}, successes); diff != "" {
		t.Errorf("answers that are no problems (-want +got):\n%s", diff)
	}
}

func TestABodyIsBounded(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	alice := bearer(token(t, "alice"))
	t.Run("and read as far as Nginx lets it through", func(t *testing.T) {
		body := `{"quantity":1}` + strings.Repeat(" ", 8192-14)
		if got := a.ask(t, "POST", "/v1/sales/s/orders", body, alice); got.StatusCode != http.StatusCreated {
			t.Errorf("got %s %s, want 201", got.Status, got.body)
		}
	})
	t.Run("a byte more is too large", func(t *testing.T) {
		body := `{"quantity":1}` + strings.Repeat(" ", 8193-14)
		wantProblem(t, a.ask(t, "POST", "/v1/sales/s/orders", body, alice), buyerapi.BodyTooLarge)
	})
	t.Run("a mebibyte is too large", func(t *testing.T) {
		for range 10 { // the answer has to get past what is not read
			got := a.ask(t, "POST", "/v1/sales/s/orders", strings.Repeat("x", 1<<20), alice)
			wantProblem(t, got, buyerapi.BodyTooLarge)
			wantClosed(t, got)
		}
	})
	t.Run("in chunks too", func(t *testing.T) {
		chunks := strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 16) + "0\r\n\r\n"
		request := raw("POST", "/v1/sales/s/orders", "", alice, "Transfer-Encoding: chunked") + chunks
		wantProblem(t, a.dial(t).send(t, "POST", request), buyerapi.BodyTooLarge)
	})
	t.Run("and sent in chunks it orders", func(t *testing.T) {
		request := raw("POST", "/v1/sales/s/orders", "", bearer(token(t, "bob")), "Transfer-Encoding: chunked") + "e\r\n{\"quantity\":2}\r\n0\r\n\r\n"
		if got := a.dial(t).send(t, "POST", request); got.StatusCode != http.StatusCreated {
			t.Errorf("got %s %s, want 201", got.Status, got.body)
		}
	})
}

func wantClosed(t testing.TB, a answer) {
	t.Helper()
	if !a.Close {
		t.Errorf("%s: got no Connection: close, want one where the rest of the request is not read", a.Status)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for name, c := range map[string]struct {
		target string
		header string
	}{
		"a long header":        {"/v1/sales/s", "X-Long: " + strings.Repeat("x", 9000)},
		"a long token":         {"/v1/sales/s", bearer(strings.Repeat("x", 9000))},
		"many headers":         {"/v1/sales/s", strings.Repeat("X-Many: x\r\n", 1000) + "X-Last: x"},
		"a long address":       {"/v1/sales/" + strings.Repeat("s", 9000), "X-Short: x"},
		"a very long one":      {"/v1/sales/" + strings.Repeat("s", 1<<20), "X-Short: x"},
		"a long query":         {"/v1/sales/s?" + strings.Repeat("s", 9000), "X-Short: x"},
		"a header name's size": {"/v1/sales/s", strings.Repeat("x", 9000) + ": x"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.ask(t, "GET", c.target, "", c.header)
			wantProblem(t, got, buyerapi.HeaderTooLarge)
			wantClosed(t, got)
		})
	}
}

func TestWhatIsNoHTTPIsABadRequest(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for name, request := range map[string]string{
		"one line of text":         "hello\r\n\r\n",
		"TLS":                      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"no address":               "GET HTTP/1.1\r\nHost: x\r\n\r\n",
		"a star":                   "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
		"a header without a colon": "GET /v1/sales/s HTTP/1.1\r\nHost x\r\n\r\n",
		"a blank before the colon": "GET /v1/sales/s HTTP/1.1\r\nHost : x\r\n\r\n",
		"a length that is none":    "POST /v1/sales/s/orders HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
		"a negative length":        "POST /v1/sales/s/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"two lengths":              "POST /v1/sales/s/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"chunks without a length":  "POST /v1/sales/s/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
		"a control character":      "GET /v1/sales/s\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := a.dial(t).send(t, "GET", request)
			wantProblem(t, got, buyerapi.BadRequest)
			wantClosed(t, got)
		})
	}
}

// fasthttp logged a line for each connection that sent no HTTP.
func TestNobodyFillsTheLog(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zap.DebugLevel)
	h := buyerapi.New(nil, nil, nil, nil, nil, buyerapi.Hooks{}, zap.New(core))
	buyerapi.NewServer(h, time.Minute).Logger.Printf("a connection from %s broke", "afar")
	if got := logged.FilterField(zap.String("text", "a connection from afar broke")).All(); len(got) != 1 || got[0].Level != zap.DebugLevel {
		t.Errorf("got %v, want one line, and that for debugging", logged.All())
	}
}

func TestASlowRequestTimesOut(t *testing.T) {
	t.Parallel()
	server := buyerapi.NewServer((&site{}).open(t).handler, time.Minute)
	server.ReadTimeout = 50 * time.Millisecond
	a := listen(t, server)
	for name, request := range map[string]string{
		"in the header": "GET /v1/sales/s HTTP/1.1\r\nHost:",
		"in the body":   "POST /v1/sales/s/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, a.dial(t).send(t, "GET", request), buyerapi.RequestTimeout)
		})
	}
}

func TestADrainingNodeEndsItsConnections(t *testing.T) {
	t.Parallel()
	s := keeping("held")
	a := s.serve(t)
	alice := bearer(token(t, "alice"))
	requests := map[string]string{
		"a purchase":      raw("POST", "/v1/sales/s/orders", `{"quantity":1}`, alice),
		"a refusal":       raw("POST", "/v1/sales/s/orders", `{"quantity":1}`),
		"an order":        raw("GET", theOrder, "", alice),
		"an unknown path": raw("GET", "/", ""),
	}
	kept := map[string]*connection{}
	for name, request := range requests {
		kept[name] = a.dial(t)
		for range 2 {
			if got := kept[name].send(t, "GET", request); got.Close {
				t.Errorf("%s: got Connection: close before the drain", name)
			}
		}
	}
	s.handler.Drain()
	for name, request := range requests {
		got := kept[name].send(t, "GET", request)
		if _, err := kept[name].in.ReadByte(); !got.Close || err != io.EOF {
			t.Errorf("%s: got header %q and then %v, want Connection: close and the end", name, got.Header.Get("Connection"), err)
		}
	}
}

func TestAKeptConnectionServesManyBuyers(t *testing.T) {
	t.Parallel()
	c := (&site{}).serve(t).dial(t)
	for i := range 5 {
		got := c.send(t, "POST", raw("POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, fmt.Sprint("buyer-", i)))))
		if got.StatusCode != http.StatusCreated {
			t.Errorf("got %s %s, want 201", got.Status, got.body)
		}
		// What one request sent must not show in the next answer.
		wantProblem(t, c.send(t, "POST", raw("POST", "/v1/sales/s/orders", `{"quantity":9}`)), buyerapi.Unauthorized)
	}
}
