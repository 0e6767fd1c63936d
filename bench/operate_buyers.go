package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/testbed"
)

// keptBuyers send purchases, each of another buyer, on connections that they keep. No request is sent a second
// time. Before a connection is used again they look whether it was closed meanwhile, as HTTP clients do.
type keptBuyers struct {
	issuer  *testbed.Issuer
	addr    string
	limiter *rate.Limiter
	next    atomic.Int64
	ending  atomic.Bool // the last tickets are being sold: "sold out" is no failure

	mu      sync.Mutex
	spell   *spell // in which requests count that are sent now
	answers judge.Answers
	soldOut atomic.Bool
}

// spell is what buyers met from one moment to another.
type spell struct {
	Sent   int            `json:"sent"`
	Failed int            `json:"failed"`
	Kinds  map[string]int `json:"kinds,omitempty"` // of failures: by status and code, or how the connection failed
	// Closed are connections that were closed while no request was on them. A client that sends without
	// looking, and never again, would have failed so often.
	Closed int `json:"closed_idle"`
}

// lostConnection is the kind of a request whose connection ended without an answer.
const lostConnection = "connection closed"

func newKeptBuyers(c *testbed.Site) *keptBuyers {
	return &keptBuyers{issuer: c.Issuer, addr: c.Front()[len("http://"):], limiter: rate.NewLimiter(rate.Inf, 1), spell: newSpell()}
}

func newSpell() *spell { return &spell{Kinds: map[string]int{}} }

// turn begins a spell, and returns the one that ends. Requests under way count where they were sent.
func (b *keptBuyers) turn() *spell {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.spell
	b.spell = newSpell()
	return was
}

// read is a copy of a spell, as it is now.
func (b *keptBuyers) read(s *spell) spell {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := *s
	c.Kinds = maps.Clone(s.Kinds)
	return c
}

// run returns when ctx has ended, or all is sold, and everybody was answered.
func (b *keptBuyers) run(ctx context.Context, connections int) {
	var group sync.WaitGroup
	for range connections {
		group.Go(func() { b.keep(ctx) })
	}
	group.Wait()
}

// keep sends one purchase after the other on one connection.
func (b *keptBuyers) keep(ctx context.Context) {
	var conn *net.TCPConn
	var in *bufio.Reader
	defer func() {
		if conn != nil {
			_ = conn.Close() // all is answered
		}
	}()
	for b.limiter.Wait(ctx) == nil && !b.soldOut.Load() {
		buyer := fmt.Sprint("buyer-", b.next.Add(1))
		if conn != nil && closedMeanwhile(conn) {
			_ = conn.Close()
			conn = nil
			b.noteClosed()
		}
		s, sent := b.begin(), time.Now()
		var last bool
		var err error
		if conn == nil {
			if conn, err = dialTCP(b.addr); err == nil {
				in = bufio.NewReader(conn)
			}
		}
		status, d := 0, document{}
		if err == nil {
			status, last, d, err = b.buy(conn, in, buyer)
		}
		b.count(s, buyer, sent, status, d, err)
		if conn != nil && (err != nil || last) {
			_ = conn.Close() // it is of no use any more
			conn = nil
		}
	}
}

func dialTCP(addr string) (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// closedMeanwhile reports whether there is something to read on a connection on which nothing is under way: its end.
func closedMeanwhile(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		open = err == unix.EAGAIN
	})
	return err != nil || !open
}

// buy sends one purchase. last: the connection ends with the answer.
func (b *keptBuyers) buy(conn *net.TCPConn, in *bufio.Reader, buyer string) (status int, last bool, d document, err error) {
	token, err := b.issuer.Token(buyer, time.Hour)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	}
	if err == nil {
		_, err = io.WriteString(conn, "POST /v1/sales/"+benchSale+"/orders HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer "+token+
			"\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}")
	}
	if err != nil {
		return 0, false, d, err
	}
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, false, d, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, false, d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return r.StatusCode, r.Close, document{Code: "without a document"}, nil
	}
	return r.StatusCode, r.Close, d, nil
}

func (b *keptBuyers) begin() *spell {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spell.Sent++
	return b.spell
}

func (b *keptBuyers) noteClosed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spell.Closed++
}

// count records what became of a purchase.
func (b *keptBuyers) count(s *spell, buyer string, sent time.Time, status int, d document, err error) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	kind := ""
	switch {
	case err != nil:
		kind = lostConnection
		if e, is := err.(net.Error); is && e.Timeout() {
			kind = "no answer"
		}
	case status == http.StatusCreated || status == http.StatusOK:
		if d.Quantity != 1 {
			b.answers.WrongQuantity++
		}
		b.answers.Acks = append(b.answers.Acks, generator.Ack{Buyer: buyer, Order: string(d.ID)})
		return
	case d.Code == "sold-out":
		b.answers.Refused++
		b.answers.SoldOut = append(b.answers.SoldOut, generator.SoldOut{Sent: sent.UnixMilli(), Received: now.UnixMilli(), Buyers: 1})
		if b.ending.Load() {
			b.soldOut.Store(true)
			return
		}
		kind = "409 sold-out"
	default:
		kind = fmt.Sprint(status, " ", d.Code)
	}
	s.Failed++
	s.Kinds[kind]++
	if d.Code != "sold-out" {
		b.answers.MoreUnanswered++
	}
}

// sold is how many were answered with an order.
func (b *keptBuyers) sold() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers.Acks)
}
