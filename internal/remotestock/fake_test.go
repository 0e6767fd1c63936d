package remotestock_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fake is a server that speaks just enough of Redis's protocol to answer what no
// Redis answers.
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

// raw is a reply of these texts, whole numbers and lists in Redis's protocol.
func raw(elements ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(elements))
	for _, e := range elements {
		switch e := e.(type) {
		case string:
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(e), e)
		case int:
			fmt.Fprintf(&b, ":%d\r\n", e)
		case []any:
			b.WriteString(raw(e...))
		default:
			panic(fmt.Sprintf("no reply has a %T", e))
		}
	}
	return b.String()
}

// headed is the reply of a script, with a whole header: five tickets remain.
func headed(more ...any) string {
	header := []any{"now", 1000, "remaining", 5, "stock", 1, "plan", 0, "epoch", 1, "seq", 1, "link", "0123456789ab"}
	return raw(append(header, more...)...)
}

// ownArguments is how many arguments of deduct come before its buyers: node, plan, mark, deadline, ids and quantities.
const ownArguments = 6

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
