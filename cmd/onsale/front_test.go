package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sale"
)

func TestFrontSpreadsByWeight(t *testing.T) {
	e := lead(t, sale.View{node(t, "a", 3, named("a")), node(t, "b", 1, named("b"))})
	got := map[string]int{}
	for range 40 {
		_, body := e.order(t)
		got[body[:1]]++
	}
	if got["a"] != 30 || got["b"] != 10 {
		t.Errorf("got %v, want a 30 times and b 10 times", got)
	}
}

func TestFrontTriesAnotherNode(t *testing.T) {
	for name, first := range map[string]func(t *testing.T) sale.Node{
		"where one refuses the connection": func(t *testing.T) sale.Node { return dead(t, "a", 100) },
		"where one hangs up":               func(t *testing.T) sale.Node { return node(t, "a", 100, hangUp) },
	} {
		t.Run(name, func(t *testing.T) {
			e := lead(t, sale.View{first(t), node(t, "b", 1, named("b"))})
			answer, body := e.order(t, "Authorization", "Bearer x")
			if want := `b Bearer x {"quantity":1}`; answer.StatusCode != http.StatusOK || body != want {
				t.Errorf("got %d %q, want 200 %q", answer.StatusCode, body, want)
			}
			if got := answer.Header.Get("Onsale-Retried"); got != "1" {
				t.Errorf("got Onsale-Retried %q, want 1", got)
			}
		})
	}
	t.Run("where two are dead", func(t *testing.T) {
		e := lead(t, sale.View{dead(t, "a", 100), dead(t, "b", 100), node(t, "c", 1, named("c"))})
		if answer, body := e.order(t); answer.StatusCode != http.StatusOK || body[:1] != "c" || answer.Header.Get("Onsale-Retried") != "1" {
			t.Errorf("got %d %q, want 200 of c, retried", answer.StatusCode, body)
		}
	})
	t.Run("twice", func(t *testing.T) {
		var asked atomic.Int64
		broken := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); hangUp(w, r) }
		e := lead(t, sale.View{node(t, "a", 1, broken), node(t, "b", 1, broken), node(t, "c", 1, broken), node(t, "d", 1, broken)})
		answer, _ := e.order(t)
		if answer.StatusCode != http.StatusBadGateway || asked.Load() != 3 {
			t.Errorf("got %d after %d tries, want 502 after 3", answer.StatusCode, asked.Load())
		}
	})
	t.Run("but not because of an answer", func(t *testing.T) {
		var asked atomic.Int64
		busy := func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		e := lead(t, sale.View{node(t, "a", 1, busy), node(t, "b", 1, busy)})
		answer, _ := e.order(t)
		if answer.StatusCode != http.StatusServiceUnavailable || asked.Load() != 1 {
			t.Errorf("got %d after %d tries, want 503 after 1", answer.StatusCode, asked.Load())
		}
		if got := answer.Header.Values("Onsale-Retried"); len(got) != 0 {
			t.Errorf("got Onsale-Retried %q, want none", got)
		}
	})
}

func TestFrontWithoutANodeThatAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		view    sale.View
		retried string
	}{
		"answers node-unreachable, retried, if all are dead": {sale.View{dead(t, "a", 1), dead(t, "b", 1)}, "1"},
		"answers node-unreachable if the only one is dead":   {sale.View{dead(t, "a", 1)}, ""},
		"answers node-unreachable if none is known":          {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := lead(t, c.view).order(t)
			if answer.StatusCode != http.StatusBadGateway || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %s, want 502 application/problem+json", answer.StatusCode, answer.Header.Get("Content-Type"))
			}
			if got := answer.Header.Get("Onsale-Retried"); got != c.retried {
				t.Errorf("got Onsale-Retried %q, want %q", got, c.retried)
			}
			if got := answer.Header.Get("Retry-After"); got != "1" {
				t.Errorf("got Retry-After %q, want 1", got)
			}
			var problem struct {
				Status int
				Code   string
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Status != 502 || problem.Code != "node-unreachable" {
				t.Errorf("got %s (%v), want status 502 and code node-unreachable", body, err)
			}
		})
	}
}

func TestFrontAsksThoseWhoSell(t *testing.T) {
	unready := node(t, "a", 100, named("a"))
	unready.Ready = false
	t.Run("and nobody else", func(t *testing.T) {
		e := lead(t, sale.View{unready, node(t, "b", 1, named("b"))})
		for range 5 {
			if _, body := e.order(t); body[:1] != "b" {
				t.Fatalf("got %q, want an answer of b", body)
			}
		}
	})
	t.Run("or anybody, where nobody sells", func(t *testing.T) {
		if answer, body := lead(t, sale.View{unready}).order(t); answer.StatusCode != http.StatusOK || body[:1] != "a" {
			t.Errorf("got %d %q, want 200 of a", answer.StatusCode, body)
		}
	})
}

func TestFrontPassesOnWhatIsTheirs(t *testing.T) {
	var seen *http.Request
	e := lead(t, sale.View{node(t, "a", 1, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		for _, name := range []string{"X-Accel-Expires", "X-Request-Id", "Onsale-Retried", "Location"} {
			w.Header().Set(name, "of the node")
		}
		w.WriteHeader(http.StatusCreated)
	})})
	r, err := http.NewRequest(http.MethodGet, e.url+"/v1//sales/a%2Fb/../c?d=1%202", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "tickets.example"
	for _, name := range []string{"Onsale-Retried", "X-Request-Id", "X-Real-IP", "X-Forwarded-For", "Traceparent"} {
		r.Header.Set(name, "of the buyer")
	}
	answer, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()

	t.Run("to the node", func(t *testing.T) {
		if got, want := seen.RequestURI, "/v1//sales/a%2Fb/../c?d=1%202"; got != want {
			t.Errorf("got request %s, want it untouched: %s", got, want)
		}
		if seen.Host != "tickets.example" {
			t.Errorf("got host %q, want tickets.example", seen.Host)
		}
		for name, want := range map[string]string{
			"Onsale-Retried": "", "X-Request-Id": "", "Traceparent": "of the buyer",
			"X-Real-Ip": "127.0.0.1", "X-Forwarded-For": "127.0.0.1",
		} {
			if got := seen.Header.Get(name); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
	})
	t.Run("to the buyer", func(t *testing.T) {
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("got %d, want 201", answer.StatusCode)
		}
		for name, want := range map[string]string{
			"X-Accel-Expires": "", "X-Request-Id": "", "Onsale-Retried": "", "Location": "of the node",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
	})
}

func TestFrontKeepsABuyersConnectionWhenTheNodeClosesItsOwn(t *testing.T) {
	e := lead(t, sale.View{node(t, "a", 1, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })})
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range 2 {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d: got %v, want an answer", i+1, err)
		}
		answer.Body.Close()
	}
}

func TestFrontFinishesWithBuyersUnderWay(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	e := lead(t, sale.View{node(t, "a", 1, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "done")
	})})
	answered := make(chan string, 1)
	go func() {
		answer, err := e.client.Post(e.url+"/v1/sales/demo/orders", "application/json", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			answered <- err.Error()
			return
		}
		answered <- string(body)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- e.stop() }()
	// The front has begun to end once nobody can connect any more.
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("got a connection still, want the front to stop listening")
		}
	}
	close(release)
	if got := <-answered; got != "done" {
		t.Errorf("got %q, want the node's answer", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("got %v, want no error", err)
	}
}
