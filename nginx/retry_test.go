package nginx_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dies reads a request and closes the connection without an answer, like a node killed in mid-request.
func dies(context.Context, net.Conn) {}

// stalls reads a request and answers nothing, like a paused node.
func stalls(ctx context.Context, _ net.Conn) { <-ctx.Done() }

// babbles answers with a broken head. (A first line that is not HTTP at all passes
// as HTTP/0.9 in Nginx 1.22.)
func babbles(_ context.Context, c net.Conn) {
	_, _ = c.Write([]byte("HTTP/1.1 201 Created\r\nno colon here\r\n\r\n")) // Nginx may hang up first
}

func sells(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }

// ways are those in which Nginx takes its nodes. backups are asked last.
var ways = map[string]func(nodes []*node, backups ...*node) site{
	"rendered": func(nodes []*node, backups ...*node) site {
		return site{Upstream: servers(nodes...) + strings.ReplaceAll(servers(backups...), ";", " backup;")}
	},
	"balancer": func(nodes []*node, backups ...*node) site {
		return site{Peers: peers(append(peerLines("up", nodes...), peerLines("backup", backups...)...)...)}
	},
}

// dead is a node whose port nobody listens on.
func dead(t *testing.T) *node { return &node{Addr: freeAddr(t)} }

// eachWay runs the test with Nginx's own upstream and with balancer.lua, by the same rules.
func eachWay(t *testing.T, test func(t *testing.T, take func(nodes []*node, backups ...*node) site)) {
	for name, take := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, take)
		})
	}
}

func TestPurchaseIsRetriedOnTheNextNode(t *testing.T) {
	eachWay(t, retriesOnTheNextNode)
}

func retriesOnTheNextNode(t *testing.T, take func(nodes []*node, backups ...*node) site) {
	for name, first := range map[string]func(*testing.T) *node{
		"when the node is gone":               dead,
		"when the node dies with it":          func(t *testing.T) *node { return startRaw(t, dies) },
		"when the node speaks broken HTTP":    func(t *testing.T) *node { return startRaw(t, babbles) },
		"when the node is silent for seconds": func(t *testing.T) *node { return startRaw(t, stalls) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, alive := first(t), startNode(t, sells)
			e := start(t, take([]*node{broken, alive}))
			retried := 0
			began := time.Now()
			for range 2 { // round robin: one of the two meets the broken node first
				a := e.buy(t, "demo")
				wantStatus(t, a, http.StatusCreated)
				if a.Header.Get("Onsale-Retried") == "1" {
					retried++
				}
			}
			if retried != 1 {
				t.Errorf("got %d answers with Onsale-Retried, want 1 of 2", retried)
			}
			if got := alive.Requests.Load(); got != 2 {
				t.Errorf("the living node got %d purchases, want 2", got)
			}
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("two purchases took %v, want at most one silent node's 3 s", took)
			}
		})
	}
}

func TestThreeTriesAndNoMore(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		nodes := []*node{startRaw(t, dies), startRaw(t, dies), startRaw(t, dies), startRaw(t, dies)}
		e := start(t, take(nodes))
		a := e.buy(t, "demo")
		wantProblem(t, a, http.StatusBadGateway, "node-unreachable", "1")
		wantHeader(t, a, "Onsale-Retried", "1")
		sum := int64(0)
		for _, n := range nodes {
			sum += n.Requests.Load()
		}
		if sum != 3 {
			t.Errorf("the nodes got %d requests, want 3", sum)
		}
	})
}

func TestTwoDeadNodesAreForgiven(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		e := start(t, take([]*node{startRaw(t, dies), startRaw(t, dies), startNode(t, sells)}))
		for range 4 {
			wantStatus(t, e.buy(t, "demo"), http.StatusCreated)
		}
	})
}

// Redis is away: all nodes are unready, but for one that died before it could report it.
func TestUnreadyNodesAnswerForADeadOne(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		unready := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		e := start(t, take([]*node{startRaw(t, dies)}, unready))
		for range 10 {
			a := e.buy(t, "demo")
			wantStatus(t, a, http.StatusServiceUnavailable)
			wantHeader(t, a, "Retry-After", "1")
		}
	})
}

func TestTwoSilentNodesEndInATimeout(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		e := start(t, take([]*node{startRaw(t, stalls), startRaw(t, stalls), startNode(t, sells)}))
		began := time.Now()
		a := e.buy(t, "demo")
		wantProblem(t, a, http.StatusGatewayTimeout, "node-timeout", "1")
		wantHeader(t, a, "Onsale-Retried", "1")
		if took := time.Since(began); took < 5*time.Second || took > 8*time.Second {
			t.Errorf("took %v, want two tries of 3 s", took)
		}
	})
}

// A node's own refusal is an answer: sent elsewhere it would double the load of a rush.
func TestANodesOwn503IsNotRetried(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		busy := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		a, b := startNode(t, busy), startNode(t, busy)
		e := start(t, take([]*node{a, b}))
		got := e.buy(t, "demo")
		wantStatus(t, got, http.StatusServiceUnavailable)
		wantHeader(t, got, "Onsale-Retried", "")
		wantHeader(t, got, "Retry-After", "2")
		if sum := a.Requests.Load() + b.Requests.Load(); sum != 1 {
			t.Errorf("the nodes got %d requests, want 1", sum)
		}
	})
}

// A node that closes an idle connection just as a purchase is sent down it must not
// cost the buyer an error, even if it is the only node.
func TestStaleKeepaliveConnectionIsForgiven(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		served := make(chan struct{}, 1)
		n := startRaw(t, func(_ context.Context, c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"))
			select {
			case served <- struct{}{}: // the first connection lives on to betray the second request
				_, _ = c.Read(make([]byte, 4096))
			default:
			}
		})
		e := start(t, take([]*node{n}))
		wantStatus(t, e.buy(t, "demo"), http.StatusCreated)
		a := e.buy(t, "demo")
		wantStatus(t, a, http.StatusCreated)
		wantHeader(t, a, "Onsale-Retried", "1")
	})
}

// With max_fails and fail_timeout as the allocator renders them, a dead node costs three
// buyers a retry, not every other one.
func TestADeadNodeIsSetAside(t *testing.T) {
	eachWay(t, func(t *testing.T, take func(nodes []*node, backups ...*node) site) {
		s := take([]*node{dead(t), startNode(t, sells)})
		s.Upstream = strings.ReplaceAll(s.Upstream, "max_fails=0", "max_fails=3 fail_timeout=5s")
		e := start(t, s)
		retried := 0
		for range 20 {
			a := e.buy(t, "demo")
			wantStatus(t, a, http.StatusCreated)
			if a.Header.Get("Onsale-Retried") == "1" {
				retried++
			}
		}
		if retried != 3 {
			t.Errorf("got %d retried purchases of 20, want 3", retried)
		}
	})
}
