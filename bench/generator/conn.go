package generator

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// state is what a connection is at.
type state uint8

const (
	broken     state = iota // it could not be made, and is tried again after a pause
	connecting              // the server has not taken it yet
	free                    // it can send
	held                    // a patient buyer is on it, and rests
	asked                   // its request is under way
	states
)

// conn is one connection and the request on it. It is replaced in its place when it
// breaks, so its index stays.
type conn struct {
	index   int
	fd      int // -1: none
	state   state
	since   time.Duration // when it came into its state
	used    bool          // it has sent a request since it was made
	request request       // while asked
	partial []byte        // what has come of an answer that came in parts
}

// target is the server's address as the kernel wants it.
type target struct {
	family int
	addr   unix.Sockaddr
}

func resolve(addr string) (target, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return target{}, err
	}
	if ip := tcp.IP.To4(); ip != nil {
		return target{unix.AF_INET, &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(ip)}}, nil
	}
	if ip := tcp.IP.To16(); ip != nil {
		return target{unix.AF_INET6, &unix.SockaddrInet6{Port: tcp.Port, Addr: [16]byte(ip)}}, nil
	}
	return target{}, fmt.Errorf("address %q: the host is missing", addr)
}

// dial begins a connection. done is false where its outcome is still to come. Nothing
// here blocks: one server that does not answer must not hold the schedule up.
func (t target) dial() (fd int, done bool, err error) {
	fd, err = unix.Socket(t.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, false, err
	}
	if err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err == nil {
		err = unix.Connect(fd, t.addr)
	}
	if errors.Is(err, unix.EINPROGRESS) {
		return fd, false, nil
	}
	if err != nil {
		return -1, false, errors.Join(err, unix.Close(fd))
	}
	return fd, true, nil
}

// kind is the kind of a connection's error.
func kind(err error) string {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return errRefused
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return errReset
	case errors.Is(err, unix.ETIMEDOUT):
		return errTimeout
	}
	return err.Error()
}
