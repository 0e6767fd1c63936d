package remotestock_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a client and its Redis. It may cut a connection after
// Redis has run a script and before the reply is through.
type proxy struct {
	listener net.Listener
	target   string
	cuts     atomic.Int64 // how many more replies of scripts get lost
	scripts  atomic.Int64 // how many scripts went through
	group    sync.WaitGroup
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.group.Go(func() { accept(l, &p.group, p.serve) })
	t.Cleanup(func() {
		l.Close()
		p.group.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve(client net.Conn) {
	redis, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer redis.Close()
	var doomed atomic.Bool
	replies := make(chan struct{})
	go func() {
		defer close(replies)
		pipe(redis, client, func([]byte) bool { return !doomed.Load() })
		client.Close()
	}()
	pipe(client, redis, func(b []byte) bool {
		if bytes.Contains(b, []byte("evalsha")) || bytes.Contains(b, []byte("\r\neval\r\n")) {
			p.scripts.Add(1)
			if p.cuts.Add(-1) >= 0 {
				doomed.Store(true)
			}
		}
		return true
	})
	redis.Close()
	<-replies
}

// pipe copies until either end closes or pass returns false.
func pipe(from, to net.Conn, pass func([]byte) bool) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil || !pass(b[:n]) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
