//go:build linux

package adminport

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// A process without descriptors left had a health port that did not answer, just when it was needed.
func TestAProcessOutOfDescriptorsAnswersOnItsAdminPort(t *testing.T) {
	p, _ := serve(t)
	kept := dial(t, p)
	ask(t, kept, "/", "fine")
	// The test's own ends need descriptors too: they are opened before.
	ends := make([]int, 6*spares)
	for i := range ends {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = fd
		defer syscall.Close(fd)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(len(open)), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	for { // what is left below the limit
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		defer f.Close()
	}
	port := p.Addr().(*net.TCPAddr).Port
	for i, fd := range ends {
		to := &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
		if err := syscall.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Write(fd, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1024)
		n, err := syscall.Read(fd, answer)
		if err != nil || n == 0 {
			t.Fatalf("connection %d: got %d bytes, %v, want an answer", i, n, err)
		}
	}
	if body, _, err := get(kept, "/"); err != nil || body != "fine" {
		t.Errorf("the connection that was there: got %q, %v, want it kept", body, err)
	}
}
