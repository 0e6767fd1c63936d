package remotestock_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/audit"
	"onsale/internal/cluster/process"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// startRedis starts a server that the test may torment.
func startRedis(t testing.TB, extra ...string) *process.Redis {
	t.Helper()
	r, err := process.StartRedis(context.Background(), t.TempDir(), extra...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// hooked makes a store with hooks, for a server at addr.
func hooked(t testing.TB, addr string, hooks remotestock.Hooks, change ...func(*remotestock.Config)) (*remotestock.Store, redis.UniversalClient) {
	t.Helper()
	config := remotestock.DefaultConfig(addr)
	for _, f := range change {
		f(&config)
	}
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return remotestock.New(client, "n1", config, hooks, zap.NewNop()), client
}

// committer makes a group commit whose goroutines must end with the test.
func committer(t testing.TB, s *remotestock.Store, id sale.ID, change ...func(*remotestock.CommitConfig)) *remotestock.Committer {
	t.Helper()
	config := remotestock.DefaultCommitConfig()
	for _, f := range change {
		f(&config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	c := s.Committer(id, watcher{}, config)
	t.Cleanup(c.Wait)
	return c
}

// patience makes claims wait d for a decision.
func patience(d time.Duration) func(*remotestock.CommitConfig) {
	return func(c *remotestock.CommitConfig) { c.Patience = d }
}

// decided is a claim's answer, for those that are awaited in the background.
type decided struct {
	claim    sale.Claim
	decision sale.Decision
	err      error
	took     time.Duration
}

// decide has the claim decided in the background.
func decide(c *remotestock.Committer, claim sale.Claim) <-chan decided {
	answer := make(chan decided, 1)
	go func() {
		from := time.Now()
		d, err := c.Decide(claim)
		answer <- decided{claim, d, err, time.Since(from)}
	}()
	return answer
}

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after 20s", what)
		}
	}
}

// wantClean fails the test where the sale breaks a promise, and returns its books.
func wantClean(t testing.TB, s *remotestock.Store, id sale.ID) sale.Snapshot {
	t.Helper()
	snapshot, err := s.Snapshot(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if faults := audit.Stock(snapshot); len(faults) > 0 {
		t.Errorf("audit of %s: got the faults %q, want none", id, faults)
	}
	return snapshot
}

// dump is everything in Redis, byte by byte.
func dump(t testing.TB, client redis.UniversalClient) map[string]string {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, k := range keys {
		if all[k], err = client.Dump(ctx, k).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func wantUnchanged(t testing.TB, client redis.UniversalClient, before map[string]string) {
	t.Helper()
	after := dump(t, client)
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if before[key] != after[key] {
			t.Errorf("got %s written to, want nothing written", key)
		}
	}
	if len(after) != len(before) {
		t.Errorf("got %d keys, want the %d from before", len(after), len(before))
	}
}

// fake is a server that speaks just enough of Redis's protocol to say what no
// Redis says.
type fake struct {
	listener net.Listener
	script   func(args []string) string // the raw reply to a script, given its ARGV
	group    sync.WaitGroup
}

func startFake(t testing.TB, script func(args []string) string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{listener: l, script: script}
	f.group.Go(func() { accept(l, &f.group, f.serve) })
	t.Cleanup(func() {
		l.Close()
		f.group.Wait()
	})
	return f
}

func accept(l net.Listener, group *sync.WaitGroup, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		group.Go(func() {
			defer conn.Close()
			serve(conn)
		})
	}
}

func (f *fake) addr() string { return f.listener.Addr().String() }

func (f *fake) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		args, err := command(r)
		if err != nil {
			return
		}
		reply := "+OK\r\n"
		switch strings.ToLower(args[0]) {
		case "hello":
			reply = "-ERR unknown command 'hello'\r\n"
		case "evalsha", "eval":
			keys, err := strconv.Atoi(args[2])
			if err != nil {
				return
			}
			reply = f.script(args[3+keys:])
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// command reads one command, an array of bulk strings.
func command(r *bufio.Reader) ([]string, error) {
	n, err := length(r, '*')
	if err != nil || n < 1 {
		return nil, fmt.Errorf("command of %d: %w", n, err)
	}
	args := make([]string, n)
	for i := range args {
		size, err := length(r, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func length(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("got %q, want %c", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
