package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/cluster"
)

// hammer sends purchases as cheaply as it can, so that on a machine shared
// with the servers most of the processor is theirs: requests are rendered
// beforehand, answers are read only as far as their status and length. It is
// a process of its own that takes orders, "address sale requests", line by
// line, and answers each with a line of JSON.
type hammer struct {
	Keys        string `required:"" help:"Key set to sign tokens with."`
	Buyers      int    `required:"" help:"How many tokens to sign; one sale can't be sent more requests."`
	Connections int    `default:"256" help:"Connections at the same time."`
}

// blow is what one order came to.
type blow struct {
	Seconds  float64       `json:"seconds"`
	Statuses map[int]int64 `json:"statuses"`
	Error    string        `json:"error,omitempty"`
}

// Run is the process.
func (h *hammer) Run() error {
	issuer, err := cluster.LoadIssuer(h.Keys)
	if err != nil {
		return err
	}
	tokens := make([]string, h.Buyers)
	for i := range tokens {
		if tokens[i], err = issuer.Token(buyerName(i), 24*time.Hour); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var addr, saleID string
		var requests int
		if _, err := fmt.Sscan(in.Text(), &addr, &saleID, &requests); err != nil || requests > len(tokens) {
			return fmt.Errorf("order %q: %w", in.Text(), err)
		}
		b, err := h.hit(addr, saleID, tokens[:requests])
		if err != nil {
			b.Error = err.Error()
		}
		if err := out.Encode(b); err != nil {
			return err
		}
	}
	return nil
}

// hit sends one request a token, over all connections, from one thread with an
// epoll of its own: a goroutine a connection would cost this machine as much
// as a bare server does, and make every server look alike.
func (h *hammer) hit(addr, saleID string, tokens []string) (blow, error) {
	requests := make([][]byte, len(tokens))
	for i, t := range tokens {
		requests[i] = purchase(saleID, t)
	}
	poll, err := unix.EpollCreate1(0)
	if err != nil {
		return blow{}, err
	}
	defer unix.Close(poll)
	heard := map[int32][]byte{} // by connection: what has come of its next answer
	for range min(h.Connections, len(requests)) {
		fd, err := connect4(addr)
		if err != nil {
			return blow{}, err
		}
		defer unix.Close(fd)
		heard[int32(fd)] = nil
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return blow{}, err
		}
	}
	b := blow{Statuses: map[int]int64{}}
	start := time.Now()
	next := 0
	for fd := range heard {
		if err := write(fd, requests[next]); err != nil {
			return b, err
		}
		next++
	}
	events, buffer := make([]unix.EpollEvent, len(heard)), make([]byte, 4096)
	for answered := 0; answered < len(requests); {
		n, err := unix.EpollWait(poll, events, int((20 * time.Second).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return b, fmt.Errorf("no answers for 20 seconds (%w), %d of %d answered", err, answered, len(requests))
		}
		for _, e := range events[:n] {
			got, err := unix.Read(int(e.Fd), buffer)
			if err != nil || got == 0 {
				return b, fmt.Errorf("connection lost after %d answers: %w", answered, err)
			}
			all := append(heard[e.Fd], buffer[:got]...)
			heard[e.Fd] = all[:0]
			status, whole, err := parseAnswer(all)
			if err != nil {
				return b, err
			}
			if !whole {
				heard[e.Fd] = all
				continue
			}
			b.Statuses[status]++
			answered++
			if next < len(requests) {
				if err := write(e.Fd, requests[next]); err != nil {
					return b, err
				}
				next++
			}
		}
	}
	b.Seconds = time.Since(start).Seconds()
	return b, nil
}

// connect4 opens a connection to an IPv4 address.
func connect4(addr string) (int, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// write sends a request, which fits the socket's buffer as a whole.
func write(fd int32, request []byte) error {
	n, err := unix.Write(int(fd), request)
	if err == nil && n < len(request) {
		err = io.ErrShortWrite
	}
	return err
}

func purchase(saleID, token string) []byte {
	const body = `{"quantity":1}`
	return fmt.Appendf(nil, "POST /v1/sales/%s/orders HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", saleID, token, len(body), body)
}

var (
	headerEnd     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// parseAnswer returns the status of an answer that has come whole.
func parseAnswer(b []byte) (status int, whole bool, err error) {
	head := bytes.Index(b, headerEnd)
	if head < 0 {
		return 0, false, nil
	}
	_, after, ok := bytes.Cut(b[:head+2], contentLength)
	value, _, ok2 := bytes.Cut(after, headerEnd[:2])
	length, err := strconv.Atoi(string(value))
	if !ok || !ok2 || err != nil || head < 12 {
		return 0, false, fmt.Errorf("answer without a length: %.200q", b)
	}
	if len(b) < head+len(headerEnd)+length {
		return 0, false, nil
	}
	status, err = strconv.Atoi(string(b[9:12]))
	return status, true, err
}
