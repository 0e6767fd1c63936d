package testbed_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/adminapi/client"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// hostile are requests that nobody should send, by what is wrong with them. TOKEN stands for a good token.
var hostile = map[string]string{
	"no HTTP":              "hello\r\n\r\n",
	"TLS":                  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xa5", 32),
	"HTTP/2":               "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"no version":           "GET /v1/sales/demo\r\n\r\n",
	"zeros":                strings.Repeat("\x00", 64) + "\r\n\r\n",
	"a header without end": "GET /v1/sales/demo HTTP/1.1\r\nHost: x\r\nA",
	"a huge header":        "GET /v1/sales/demo HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
	"a bad header":         "GET /v1/sales/demo HTTP/1.1\r\nHost x\r\n: y\r\n\r\n",
	"two lengths":          "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
	"a negative length":    "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
	"a huge body":          "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("b", 64<<10),
	"a body cut off":       "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 100\r\n\r\n{",
	"a bad chunk":          "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"no JSON":              "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 3\r\n\r\n{]}",
	"a quantity too many":  "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 16\r\n\r\n{\"quantity\":999}",
	"no token":             "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}",
	"a bad token":          "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}",
	"an unknown sale":      "GET /v1/sales/%00\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n",
	"an unknown order":     "GET /v1/sales/demo/orders/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n\r\n",
	"another method":       "BREW /v1/sales/demo HTTP/1.1\r\nHost: x\r\n\r\n",
	"a bad webhook":        "POST /v1/payments/webhook HTTP/1.1\r\nHost: x\r\nwebhook-id: 1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,x\r\nContent-Length: 2\r\n\r\n{}",
	"a bad trace":          "GET /v1/sales/demo HTTP/1.1\r\nHost: x\r\ntraceparent: 00-\"\n-01\r\n\r\n",
	"an admin call":        "PUT /admin/v1/log HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}",
	"a profile":            "GET /debug/pprof/heap HTTP/1.1\r\nHost: x\r\n\r\n",
	"nothing":              "",
}

// sendHostile sends every hostile request so often to an address. Half of the clients read what is answered, the others
// vanish at once.
func sendHostile(t *testing.T, rounds int, addr, token string) {
	t.Helper()
	var clients sync.WaitGroup
	for _, request := range hostile {
		// One that is answered late, as a header that is too long, does not hold up the others.
		clients.Go(func() {
			for round := range rounds {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				// The other side may hang up at any time: errors are no fault here.
				_, _ = c.Write([]byte(strings.ReplaceAll(request, "TOKEN", token)))
				if round%2 == 0 {
					_ = c.(*net.TCPConn).CloseWrite()
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					_, _ = io.Copy(io.Discard, c)
				} else {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
				_ = c.Close()
			}
		})
	}
	clients.Wait()
}

// lines is how many lines a program of the site has logged.
func (s *site) lines(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// Anyone could fill the disks of a site whose programs log what strangers send.
func TestNoRequestMakesALineUntilAnOperatorAsksForIt(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1})
	s.open(t, 1, time.Hour)
	if a := s.buy(t, "ann"); a.status != http.StatusCreated {
		t.Fatalf("got %+v, want the ticket", a)
	}
	token, err := s.Issuer.Token("bob", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	const rounds, few = 8, 5
	node := s.Nodes[0]
	for _, c := range []struct{ name, addr string }{
		{node.Name, node.Listen}, {node.Name, node.Admin}, {s.Allocators[0].Name, s.Allocators[0].Admin}, {s.Ledgers[0].Name, s.Ledgers[0].Admin},
	} {
		before := s.lines(t, c.name)
		sendHostile(t, rounds, c.addr, token)
		if got := s.lines(t, c.name) - before; got > few {
			t.Errorf("%s at %s: got %d lines for %d requests, want at most %d", c.name, c.addr, got, rounds*len(hostile), few)
		}
		at := client.Client{Addr: c.addr, Token: s.AdminToken}
		if c.addr == node.Listen {
			at.Addr = node.Admin
		}
		if l, err := at.SetLog(s.ctx, "debug"); err != nil || l.Level != "debug" {
			t.Errorf("%s: got %+v, %v", c.name, l, err)
		}
		if c.addr == node.Listen {
			// The same requests show that lines would be seen, and that the level holds at once.
			before := s.lines(t, c.name)
			sendHostile(t, 1, c.addr, token)
			await.Until(t, "lines at the level debug", func() bool { return s.lines(t, c.name)-before >= len(hostile)/2 })
		}
		if l, err := at.SetLog(s.ctx, "info"); err != nil || l.Level != "info" {
			t.Errorf("%s: got %+v, %v", c.name, l, err)
		}
	}
	if got := s.ask(t, http.MethodGet, fmt.Sprint("http://", node.Listen, "/v1/sales/demo/orders/mine"), "ann", ""); got.status != http.StatusOK {
		t.Errorf("got %+v after all that, want ann's order", got)
	}
}
