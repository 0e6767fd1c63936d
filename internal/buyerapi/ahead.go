package buyerapi

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// ahead reads what a connection has as soon as one byte is asked for. A server with ReduceMemoryUsage waits
// for a request with a read of one byte and no buffer, and would need one more system call for each request. Here
// the buffer is only taken when the request has come, so that a connection that waits has none.
type ahead struct {
	raw  syscall.RawConn
	fill func(fd uintptr) bool // is fillOnce, made once

	buffer *[]byte // nil: nothing is left
	rest   []byte  // of the buffer
	err    error   // of the last fill
}

var aheadBuffers = sync.Pool{New: func() any { b := make([]byte, maxHeader); return &b }}

// newAhead returns nil for a connection that has no file descriptor.
func newAhead(c net.Conn) *ahead {
	file, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil
	}
	a := &ahead{raw: raw}
	a.fill = a.fillOnce
	return a
}

func (a *ahead) buffered() bool { return a.buffer != nil }

// take copies from what was read before, of which there must be something.
func (a *ahead) take(b []byte) int {
	n := copy(b, a.rest)
	if a.rest = a.rest[n:]; len(a.rest) == 0 {
		aheadBuffers.Put(a.buffer)
		a.buffer, a.rest = nil, nil
	}
	return n
}

// read waits until there is something to read, or the connection's deadline, as a read of the connection does.
func (a *ahead) read(b []byte) (int, error) {
	if err := a.raw.Read(a.fill); err != nil {
		return 0, err
	}
	if a.err != nil {
		return 0, a.err
	}
	return a.take(b), nil
}

// fillOnce reports whether there was something to read, an error or the end included.
func (a *ahead) fillOnce(fd uintptr) bool {
	buffer := aheadBuffers.Get().(*[]byte)
	for {
		n, err := syscall.Read(int(fd), *buffer)
		switch {
		case err == syscall.EINTR:
			continue
		case n > 0:
			a.buffer, a.rest, a.err = buffer, (*buffer)[:n], nil
			return true
		}
		aheadBuffers.Put(buffer)
		switch {
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			a.err = os.NewSyscallError("read", err)
		default:
			a.err = io.EOF
		}
		return true
	}
}
