package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"onsale/internal/adminapi/board"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

//go:embed devpage/actions.js
var actionsScript []byte

// devBoard is the operators' board of dev's site, which anybody on this machine may look at, with buttons that break parts of
// the site. The page is the product's; the buttons are served here alone.
type devBoard struct {
	parts  breakable
	issuer *testbed.Issuer
	front  string // where buyers arrive, a URL
	server *http.Server
	url    string

	mu    sync.Mutex // held while something is broken or mended: one thing at a time
	ended bool       // the site is not to be touched any more
	crowd chan struct{}
	sent  int // crowds so far: each has other buyers
}

// breakable is a site whose parts can be broken. Its methods are called one at a time.
type breakable interface {
	// state is what runs.
	state() devState
	killNode(ctx context.Context, name string) error
	startNode(ctx context.Context, name string) error
	addNode(ctx context.Context) (name string, err error)
	killRedis(ctx context.Context) error
	startRedis(ctx context.Context) error
	killAllocator(ctx context.Context) error
	startAllocator(ctx context.Context) error
	// admin is the host:port of an allocator's admin port.
	admin() string
}

// devState is what of a site runs.
type devState struct {
	Nodes     []devNode `json:"nodes"`
	Redis     bool      `json:"redis"`
	Allocator bool      `json:"allocator"`
	Kills     bool      `json:"kills"` // nodes and the allocator are processes, and can be killed
}

type devNode struct {
	Name string `json:"name"`
	Runs bool   `json:"runs"`
}

// startBoard serves until Close.
func startBoard(parts breakable, token string, issuer *testbed.Issuer, front string, c *console) (*devBoard, error) {
	l, err := net.Listen("tcp", process.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	b := &devBoard{parts: parts, issuer: issuer, front: front, url: "http://" + l.Addr().String() + "/board", crowd: make(chan struct{}, 1)}
	b.server = &http.Server{Handler: b.handler(l.Addr().String(), token), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := b.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.logLine("board: " + err.Error())
		}
	}()
	return b, nil
}

// Close ends the board, after what it is doing to the site. It may be called twice.
func (b *devBoard) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	return b.server.Close()
}

func (b *devBoard) handler(host, token string) http.Handler {
	mux := http.NewServeMux()
	board.RegisterPage(mux, "actions.js", actionsScript)
	mux.HandleFunc("GET /board/session", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]bool{"open": true}) })
	mux.Handle("GET /board/events", b.events(token))
	mux.HandleFunc("GET /board/actions", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.ended {
			http.Error(w, errEnded.Error(), http.StatusServiceUnavailable)
			return
		}
		answerJSON(w, b.parts.state())
	})
	mux.HandleFunc("POST /board/actions/{action}", b.act)
	same := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page of another site whose name leads to this machine has its own name as the host.
		if _, port, _ := net.SplitHostPort(host); r.Host != host && r.Host != net.JoinHostPort("localhost", port) {
			http.Error(w, "open http://"+host+"/board", http.StatusMisdirectedRequest)
			return
		}
		same.ServeHTTP(w, r)
	})
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a browser that hangs up needs no answer
}

// events passes the allocator's stream on, with the token that this process has.
func (b *devBoard) events(token string) http.Handler {
	admin := b.parts.admin() // which a restart does not change
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // a stream ends with its allocator
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: admin})
			r.Out.Header.Del("Cookie")
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			// No failure: a browser that finds the allocator away waits, and asks again.
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprint(w, "retry: 500\n\n")
		},
	}
}

// act breaks or mends something, and answers in words.
func (b *devBoard) act(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	text, err := b.do(ctx, r.PathValue("action"), r.URL.Query())
	switch {
	case errors.Is(err, errNoAction):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, text)
	}
}

var errEnded = errors.New("onsale dev is ending")

var errNoAction = errors.New("there is no such action")

func (b *devBoard) do(ctx context.Context, action string, with url.Values) (text string, err error) {
	if action == "crowd" {
		buyers, err := strconv.Atoi(with.Get("buyers"))
		if err != nil || buyers < 1 || buyers > maxCrowd {
			return "", fmt.Errorf("buyers %.20q: want 1 to %d", with.Get("buyers"), maxCrowd)
		}
		return b.sendCrowd(ctx, buyers)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return "", errEnded
	}
	node := with.Get("node")
	switch action {
	case "kill-node":
		return node + " is gone", b.parts.killNode(ctx, node)
	case "start-node":
		return node + " starts", b.parts.startNode(ctx, node)
	case "add-node":
		name, err := b.parts.addNode(ctx)
		return name + " starts", err
	case "kill-redis":
		return "Redis is gone", b.parts.killRedis(ctx)
	case "start-redis":
		return "Redis runs", b.parts.startRedis(ctx)
	case "kill-allocator":
		return "the allocator is gone: nodes refill by themselves", b.parts.killAllocator(ctx)
	case "start-allocator":
		return "the allocator starts", b.parts.startAllocator(ctx)
	}
	return "", errNoAction
}
