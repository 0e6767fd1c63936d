package compose

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"onsale/internal/testbed"
)

// period is what buyers met from one event to the next.
type period struct {
	Name     string
	Planned  bool // an operator's change, at which nothing may fail
	Sent     int
	Failures map[string]int // by kind; a refusal for want of tickets can't happen
	Pause    time.Duration  // the longest time between two sales
	last     time.Time      // of the last sale
}

// Failed is how many of the requests got no order.
func (p period) Failed() (n int) {
	for _, count := range p.Failures {
		n += count
	}
	return n
}

// buyers send purchases, each of another buyer, on connections that they keep. No request is sent a
// second time, so whatever goes wrong is counted.
type buyers struct {
	issuer  *testbed.Issuer
	sale    string
	limiter *rate.Limiter

	mu      sync.Mutex
	number  int
	periods []*period
	orders  []string  // ids that were answered
	unknown int       // requests whose order may exist without an answer
	first   time.Time // of the first sale
}

// newBuyers makes buyers who send so many requests per second in all.
func newBuyers(issuer *testbed.Issuer, sale string, perSecond float64) *buyers {
	return &buyers{issuer: issuer, sale: sale, limiter: rate.NewLimiter(rate.Limit(perSecond), 1), periods: []*period{newPeriod("start", true)}}
}

func newPeriod(name string, planned bool) *period {
	return &period{Name: name, Planned: planned, Failures: map[string]int{}, last: time.Now()}
}

// begin starts a period. Requests under way belong to the one in which they were sent.
func (b *buyers) begin(name string, planned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.periods = append(b.periods, newPeriod(name, planned))
}

// run sends until ctx ends, on so many connections to each address. Requests under way are answered.
func (b *buyers) run(ctx context.Context, connections int, addrs ...string) {
	var group sync.WaitGroup
	for _, addr := range addrs {
		for range connections {
			group.Go(func() { b.buy(ctx, addr) })
		}
	}
	group.Wait()
}

// buy sends one purchase after the other on one connection, which is opened again once it is closed.
func (b *buyers) buy(ctx context.Context, addr string) {
	var conn net.Conn
	var in *bufio.Reader
	for b.limiter.Wait(ctx) == nil {
		p, request, err := b.next()
		if err == nil && conn == nil {
			if conn, err = net.DialTimeout("tcp", addr, time.Second); err == nil {
				in = bufio.NewReader(conn)
			}
		}
		var answer *purchase
		if err == nil {
			answer, err = send(conn, in, request)
		}
		b.count(p, answer, err)
		if conn != nil && (err != nil || answer.last) {
			_ = conn.Close() // it is of no use any more
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close() // all is answered
	}
}

// next is the purchase of another buyer, and the period that it counts in.
func (b *buyers) next() (*period, string, error) {
	b.mu.Lock()
	b.number++
	number, p := b.number, b.periods[len(b.periods)-1]
	p.Sent++
	b.mu.Unlock()
	token, err := b.issuer.Token(fmt.Sprint("buyer-", number), time.Hour)
	return p, "POST /v1/sales/" + b.sale + "/orders HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer " + token +
		"\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}", err
}

// purchase is an answer to one.
type purchase struct {
	status   int
	last     bool // the connection ends with it
	ID, Code string
}

func send(conn net.Conn, in *bufio.Reader, request string) (*purchase, error) {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a := &purchase{status: r.StatusCode, last: r.Close}
	if err := json.Unmarshal(body, a); err != nil {
		return nil, fmt.Errorf("status %d with a body that is no JSON", r.StatusCode)
	}
	return a, nil
}

// count records what became of a purchase.
func (b *buyers) count(p *period, a *purchase, err error) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil:
		p.Failures["connection"]++
		b.unknown++
	case a.status != http.StatusCreated && a.status != http.StatusOK:
		p.Failures[fmt.Sprint(a.status, " ", a.Code)]++
		b.unknown++
	default:
		b.orders = append(b.orders, a.ID)
		if b.first.IsZero() {
			b.first = now
		}
		p.Pause = max(p.Pause, now.Sub(p.last))
		p.last = now
	}
}

// firstSale is when the first ticket was sold; zero before that.
func (b *buyers) firstSale() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first
}

// sold is how many orders were answered.
func (b *buyers) sold() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.orders)
}
