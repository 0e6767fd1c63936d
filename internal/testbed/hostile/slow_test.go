package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/testbed/await"
	"onsale/internal/testbed/flood"
)

// Attack: clients who take all the time that they can get, in every way that the edge is tried with, by 100 connections each from
// one address. Honest buyers of other addresses are served meanwhile.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	id := target.open(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const each = 100
	held := make([]flood.Held, len(flood.Kinds))
	var clients sync.WaitGroup
	for i, k := range flood.Kinds {
		clients.Go(func() {
			held[i] = flood.Slow{Kind: k, From: stranger, To: target.doors()[0].addr, Connections: each}.Run(ctx)
		})
	}
	pace := time.NewTicker(25 * time.Millisecond)
	defer pace.Stop()
	for i := range 240 { // six seconds: one more than a header may take
		<-pace.C
		if a := ask(t, target.doors()[0].addr, target.purchase(t, id, fmt.Sprint("patient-", i))); a.status != http.StatusCreated {
			t.Errorf("buyer %d: got %v, want a ticket", i, a)
		}
	}
	cancel()
	clients.Wait()
	for i, k := range flood.Kinds {
		t.Logf("%s: %+v", k.Name, held[i])
		if held[i].Opened == 0 {
			t.Errorf("%s: got no connection, so nothing was tried", k.Name)
		}
	}
}

// Attack: a header or a body that comes byte by byte, so that its connection is never idle, and an answer that is never read.
func TestWhoSendsTooSlowlyIsCutOff(t *testing.T) {
	target.open(t, 1)
	for name, head := range map[string]string{
		"slow header":                     "GET /v1/sales/x HTTP/1.1\r\nHost: onsale\r\nX: ",
		"slow header of a second request": request("GET", "/nginx-health", "") + "GET /",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, "", target.doors()[0].addr)
			if _, err := io.WriteString(c, head); err != nil {
				t.Fatal(err)
			}
			go func() { // until the connection is closed
				for err := error(nil); err == nil; time.Sleep(time.Second) {
					_, err = io.WriteString(c, "x")
				}
			}()
			if got, err := io.ReadAll(c); err != nil && !isReset(err) {
				t.Errorf("got %q, %v, want to be cut off", got, err)
			}
		})
	}
}

// Attack: a body that never ends, straight at a node. Its sender gets no purchase, and no other one waits for him.
func TestABodyThatNeverEndsBuysNothing(t *testing.T) {
	id := target.open(t, 1000)
	for _, d := range target.doors() {
		c := dial(t, "", d.addr)
		text := request("POST", "/v1/sales/"+id+"/orders", one, target.bearer(t, "mallory"))
		if _, err := io.WriteString(c, strings.TrimSuffix(text, "}")); err != nil {
			t.Fatal(err)
		}
		target.serves(t)
		target.wantNoOrder(t, id, "mallory")
		_ = c.CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil && !isReset(err) {
			t.Error(err)
		}
		if strings.Contains(string(got), " 201 ") {
			t.Errorf("%s: got %.200q, want no order for half a body", d.name, got)
		}
		target.wantNoOrder(t, id, "mallory")
	}
	if n := target.orders(t, id); n != 0 {
		t.Errorf("got %d orders, want none", n)
	}
}

// isReset reports whether the other side hung up hard.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// Attack: more connections than a node has places. Each one too many is answered busy at once, and once the strangers are gone the
// node sells and is in the upstream again. Through Nginx nobody notices: the other node sells.
func TestAFloodOfConnectionsFillsOneNode(t *testing.T) {
	target.open(t, 1)
	n := target.Nodes[0]
	held, err := flood.Idle(connections, n.Listen)
	if err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the node is full", func() bool {
		c, err := net.Dial("tcp", n.Listen)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, request("GET", "/v1/sales/"+honest, ""))
		got, _ := io.ReadAll(io.LimitReader(c, 4096)) // a reset after the answer is no fault
		return strings.HasPrefix(string(got), "HTTP/1.1 503 ") && strings.Contains(string(got), `"busy"`)
	})
	front := target.doors()[0].addr
	// Until the node is out of the upstream, its busy is passed on: buyers ask again.
	await.Until(t, "the other node serves through Nginx", func() bool {
		served++
		return ask(t, front, target.purchase(t, honest, fmt.Sprint("flooded-", served))).status == http.StatusCreated
	})
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	await.Until(t, "the node serves again", func() bool {
		a := send(t, n.Listen, request("GET", "/v1/sales/"+honest, ""))
		return len(a) == 1 && a[0].status == http.StatusOK
	})
	if err := target.AwaitUpstream(target.ctx, len(target.Nodes)); err != nil {
		t.Error(err)
	}
}

// Attack: one address asks as fast as it can, also under the names of many buyers and of other addresses. It is refused past its rate,
// and nobody else is.
func TestAFloodOfRequestsIsHeldToItsAddress(t *testing.T) {
	id := target.open(t, 10_000)
	front := target.doors()[0].addr
	var mu sync.Mutex
	statuses := map[int]int{}
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for j := range 4 {
				var text strings.Builder
				for k := range 100 {
					text.WriteString(request("GET", "/v1/sales/"+id+"/orders/mine", "", fmt.Sprintf("X-Forwarded-For: 10.%d.%d.%d", i, j, k), fmt.Sprintf("X-Real-IP: 10.%d.%d.%d", i, j, k),
						fmt.Sprintf("Forwarded: for=10.%d.%d.%d", i, j, k)))
				}
				c := dial(t, stranger, front)
				_, _ = io.WriteString(c, text.String())
				_ = c.CloseWrite()
				got, _ := io.ReadAll(c)
				_ = c.Close()
				mu.Lock()
				for _, a := range answers(t, got, "GET") {
					statuses[a.status]++
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	// A burst of 500 and 100 a second, for as long as it takes: much less than 3,200.
	if statuses[http.StatusTooManyRequests] == 0 || statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests] != 3200 {
		t.Errorf("got %v, want some of 3,200 refused with 429", statuses)
	}
	if a := ask(t, front, target.purchase(t, id, "ann")); a.status != http.StatusCreated {
		t.Errorf("a buyer of another address got %v, want a ticket", a)
	}
}
