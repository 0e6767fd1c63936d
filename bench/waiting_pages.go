package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
)

// documentAnswer is the sale's own document, as it should be.
const documentAnswer = "the sale's document"

// pages ask on schedule, whatever the answers do. Each connection has its share of the asks, one after the other.
type pages struct {
	addr        string
	sales       []string
	rate        float64 // asks a second, of all connections
	last        time.Duration
	connections int
}

// asked is what came of the asks.
type asked struct {
	asked   int
	answers map[string]int
	latency *generator.Latency
}

// run asks until the time is over, or ctx ends.
func (p pages) run(ctx context.Context) asked {
	all := asked{answers: map[string]int{}, latency: generator.NewLatency()}
	var mu sync.Mutex
	var connections sync.WaitGroup
	start := time.Now()
	for first := range p.connections {
		connections.Go(func() {
			a := asked{answers: map[string]int{}, latency: generator.NewLatency()}
			p.connection(ctx, start, first, &a)
			mu.Lock()
			defer mu.Unlock()
			all.asked += a.asked
			for answer, n := range a.answers {
				all.answers[answer] += n
			}
			all.latency.Merge(a.latency)
		})
	}
	connections.Wait()
	return all
}

// connection sends every ask that is the turn of the one of this number.
func (p pages) connection(ctx context.Context, start time.Time, number int, a *asked) {
	var c net.Conn
	var in *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for ask := number; ; ask += p.connections {
		due := time.Duration(float64(ask) / p.rate * float64(time.Second))
		// What is due is sent, though late; after the end nothing is.
		if due >= p.last || time.Since(start) >= p.last+time.Second {
			return
		}
		if !pause.For(ctx, time.Until(start.Add(due))) {
			return
		}
		var err error
		if c == nil {
			if c, err = net.DialTimeout("tcp", p.addr, 10*time.Second); err == nil {
				in = bufio.NewReader(c)
			}
		}
		answer := ""
		if err == nil {
			answer, err = askDocument(c, in, p.sales[ask%len(p.sales)])
		}
		if a.asked++; err != nil {
			answer = err.Error()
			if c != nil {
				c.Close()
				c = nil
			}
		}
		a.answers[answer]++
		a.latency.Record(time.Since(start.Add(due)))
	}
}

// askDocument asks for one document.
func askDocument(c net.Conn, in *bufio.Reader, id string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, "GET /v1/sales/"+id+" HTTP/1.1\r\nHost: onsale\r\nUser-Agent: page\r\nAccept: application/json\r\n\r\n"); err != nil {
		return "", err
	}
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return "", err
	case r.StatusCode != http.StatusOK:
		return r.Status, nil
	case !bytes.HasPrefix(body, []byte(`{"id":"`+id+`"`)) || strings.TrimSpace(r.Header.Get("Onsale-Asked-At")) == "":
		return fmt.Sprintf("not the document of %s", id), nil
	}
	return documentAnswer, nil
}
