//go:build linux

package testbed_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// filesLimit sets how many files a running process may have open, and returns what it was.
func filesLimit(t *testing.T, pid int, limit syscall.Rlimit) (was syscall.Rlimit) {
	t.Helper()
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(&limit)), uintptr(unsafe.Pointer(&was)), 0, 0)
	if errno != 0 {
		t.Fatalf("set the limit of process %d: %v", pid, errno)
	}
	return was
}

// A node out of file descriptors stayed ready, or its health port died with it, and Nginx led buyers to it.
func TestANodeOutOfDescriptorsIsUnreadyAndLeftAlone(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 100, time.Minute)
	node := s.Nodes[0]

	// A monitor has its connection already; another one would need a descriptor.
	monitor := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: 10 * time.Second}
	defer monitor.CloseIdleConnections()
	get := func(path string) (int, string, error) {
		got, err := monitor.Get("http://" + node.Admin + path)
		if err != nil {
			return 0, "", err
		}
		raw, err := io.ReadAll(got.Body)
		return got.StatusCode, string(raw), errors.Join(err, got.Body.Close())
	}
	ready := func(want int) func() bool {
		return func() bool {
			status, _, err := get("/readyz")
			return err == nil && status == want
		}
	}
	await.Within(t, 15*time.Second, "ready node", ready(http.StatusOK))

	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	was = filesLimit(t, node.Pid(), syscall.Rlimit{Cur: uint64(len(open)), Max: was.Max})
	for range 50 { // more than the numbers that are free below the limit
		c, err := net.Dial("tcp", node.Listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	await.Within(t, 15*time.Second, "node that is unready without descriptors", ready(http.StatusServiceUnavailable))
	if _, text, err := get("/metrics"); err != nil || !strings.Contains(text, "\nonsale_buyerapi_short 1\n") {
		t.Errorf("got no onsale_buyerapi_short 1 (%v)", err)
	}
	await.Within(t, 15*time.Second, "upstream with the node as a backup", func() bool {
		conf, err := os.ReadFile(s.Nginx.Upstream)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(conf)) {
			if strings.Contains(line, "server "+node.Listen+" ") && !strings.Contains(line, " backup;") {
				return false
			}
		}
		return true
	})
	for i := range 20 {
		if a := s.buy(t, fmt.Sprint("buyer-", i)); a.status != http.StatusCreated {
			t.Errorf("buyer %d: got %d %s, want a ticket from the other node", i, a.status, a.code)
		}
	}

	filesLimit(t, node.Pid(), was)
	await.Within(t, 15*time.Second, "ready node that has its descriptors again", ready(http.StatusOK))
	if err := s.AwaitUpstream(s.ctx, 2); err != nil {
		t.Fatal(err)
	}
	s.audit(t)

	// A node that is to serve more buyers than its limit of open files lets it does not start.
	refused := *s.Nodes[1]
	refused.Name += "-of-too-many"
	if err := refused.StartWith("--connections", "100000000", "--admin", "127.0.0.1:0", "--listen", free(t), "--gossip-bind", free(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { refused.Kill() })
	await.Within(t, 30*time.Second, "end of a node that may not open enough files", func() bool { return !refused.Running() })
	if log := refused.Tail(); !strings.Contains(log, "raise the limit (ulimit -n") {
		t.Errorf("got %s, want what to raise", log)
	}
}
