package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/testbed"
)

// connectionsPerSource is how many connections one source address makes: well below the
// ports that there are.
const connectionsPerSource = 5000

// maxSourceAddresses are the last bytes from 2 to 254.
const maxSourceAddresses = 253

const maxConnections = connectionsPerSource * maxSourceAddresses

// spareFiles is how many files a process may need beside its connections.
const spareFiles = 200

// sources is over how many addresses of 127.0.0.0/8 the connections are spread.
func sources(count int) int { return max(3, (count+connectionsPerSource-1)/connectionsPerSource) }

// idlers is the buyers' process: it connects, asks once for the sale, waits for a
// line, and buys through every connection.
type idlers struct {
	Addr  string `required:"" help:"host:port of the node."`
	Sale  string `required:"" help:"Sale to buy from."`
	Keys  string `required:"" help:"Key set to sign tokens with."`
	Count int    `required:"" help:"Connections."`
}

// idleAtOnce bounds how many of them do something at the same time.
const idleAtOnce = 256

// Run is the process.
func (i *idlers) Run() error {
	issuer, err := testbed.LoadIssuer(i.Keys)
	if err != nil {
		return err
	}
	conns := make([]net.Conn, i.Count)
	hello := fmt.Appendf(nil, "GET /v1/sales/%s HTTP/1.1\r\nHost: onsale\r\n\r\n", i.Sale)
	err = i.each(func(n int) error {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%sources(i.Count)))}
		d := net.Dialer{LocalAddr: from, Timeout: 20 * time.Second}
		var err error
		if conns[n], err = d.Dial("tcp", i.Addr); err != nil {
			return err
		}
		answer, err := exchange(conns[n], hello)
		if err == nil && !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
			err = fmt.Errorf("the sale answers %.60q", answer)
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var mu sync.Mutex
	all := idleAnswers{Statuses: map[string]int{}}
	err = i.each(func(n int) error {
		token, err := issuer.Token(generator.Buyer(n), time.Hour)
		if err != nil {
			return err
		}
		sent := time.Now()
		raw, err := exchange(conns[n], generator.Purchase(i.Sale, token))
		received := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			all.MoreUnanswered++
			return err
		}
		return all.add(generator.Buyer(n), raw, sent, received)
	})
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(all))
}

// idleAnswers are what the buyers were answered.
type idleAnswers struct {
	judge.Answers
	Statuses map[string]int
}

// maxIdleAnswers bounds them as JSON: some hundred bytes for each connection.
const maxIdleAnswers = 512 * maxConnections

func (all *idleAnswers) add(buyer string, raw []byte, sent, received time.Time) error {
	a, whole, err := generator.ReadAnswer(raw)
	if err != nil || !whole {
		all.MoreUnanswered++
		return fmt.Errorf("an answer of %d bytes: %w", len(raw), err)
	}
	all.Statuses[strconv.Itoa(a.Status)]++
	switch {
	case a.Class == generator.ClassSold:
		all.Acks = append(all.Acks, generator.Ack{Buyer: buyer, Order: a.Order})
	case a.Class == generator.ClassSoldOut:
		all.Refused++
		all.SoldOut = append(all.SoldOut, generator.SoldOut{Sent: sent.UnixMilli(), Received: received.UnixMilli(), Buyers: 1})
	case a.Fault == generator.WrongQuantity:
		all.WrongQuantity++
	default:
		all.MoreUnanswered++
	}
	return nil
}

// each does something with every connection, so many at once.
func (i *idlers) each(do func(n int) error) error {
	gate := make(chan struct{}, idleAtOnce)
	errs := make([]error, i.Count)
	var group sync.WaitGroup
	for n := range i.Count {
		gate <- struct{}{}
		group.Go(func() {
			errs[n] = do(n)
			<-gate
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the first is enough
		}
	}
	return nil
}

// exchange sends a request and returns the answer.
func exchange(c net.Conn, request []byte) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096) // what a node sends is smaller, and comes in one piece
	n, err := c.Read(answer)
	return answer[:n], err
}
