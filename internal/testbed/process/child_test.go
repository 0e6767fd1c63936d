package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

// shell starts a child that runs a script.
func shell(t *testing.T, ctx context.Context, o ChildOptions, script string) *Child {
	t.Helper()
	c, err := StartChild(ctx, "child", o, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// line reads one line of the child's.
func line(t *testing.T, c *Child) string {
	t.Helper()
	text, err := bufio.NewReader(c.Out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reaped fails unless no process, not even a zombie, has the child's id.
func reaped(t *testing.T, c *Child) {
	t.Helper()
	if p, err := procfs.NewProc(c.Pid()); err == nil {
		stat, _ := p.Stat()
		t.Errorf("process %d is left in state %s", c.Pid(), stat.State)
	}
}

func TestChildAnswersAndEndsWithItsInput(t *testing.T) {
	c := shell(t, t.Context(), ChildOptions{Env: []string{"GREETING=hello"}}, `while read l; do echo "$GREETING $l"; done`)
	if _, err := io.WriteString(c.In, "you\n"); err != nil {
		t.Fatal(err)
	}
	if got := line(t, c); got != "hello you\n" {
		t.Errorf("got %q, want hello you", got)
	}
	if err := c.Finish(10 * time.Second); err != nil {
		t.Errorf("got %v, want a child that ends by itself", err)
	}
	reaped(t, c)
}

func TestOutputIsWholeAlsoOfAChildThatHasEnded(t *testing.T) {
	c := shell(t, t.Context(), ChildOptions{}, "echo one; echo two; exit 3")
	<-c.Done()
	out, err := c.Output()
	if string(out) != "one\ntwo\n" || err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %q, %v, want both lines and the status", out, err)
	}
}

func TestChildIsReapedOnEveryWayOut(t *testing.T) {
	const stubborn = "trap '' TERM; echo up; while :; do sleep 0.1; done"
	for name, end := range map[string]func(c *Child, cancel func()){
		"Close":               func(c *Child, _ func()) { c.Close() },
		"Close again":         func(c *Child, _ func()) { c.Close(); c.Close() },
		"Finish that is late": func(c *Child, _ func()) { c.Finish(50 * time.Millisecond) },
		"the end of ctx":      func(c *Child, cancel func()) { cancel(); <-c.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := shell(t, ctx, ChildOptions{}, stubborn)
			line(t, c)
			end(c, cancel)
			reaped(t, c)
			if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Errorf("got %v, want that it was killed", err)
			}
		})
	}
}

func TestChildMayFinishAfterItsContextForAWhile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	polite := shell(t, ctx, ChildOptions{Grace: 20 * time.Second}, `trap 'echo last; exit 0' TERM; echo up; while :; do sleep 0.1; done`)
	line(t, polite)
	stubborn := shell(t, ctx, ChildOptions{Grace: 50 * time.Millisecond}, `trap '' TERM; echo up; while :; do sleep 0.1; done`)
	line(t, stubborn)
	cancel()
	if out, err := polite.Output(); string(out) != "last\n" || err != nil {
		t.Errorf("got %q, %v, want its last line", out, err)
	}
	if err := stubborn.Wait(); err == nil {
		t.Error("a child that ignores SIGTERM ended by itself")
	}
	reaped(t, polite)
	reaped(t, stubborn)
	if _, err := StartChild(ctx, "late", ChildOptions{}, "true"); err == nil {
		t.Error("a child was started after its ctx had ended")
	}
}

func TestNicedChildRunsTheProgramItself(t *testing.T) {
	c := shell(t, t.Context(), ChildOptions{Nice: 5}, "echo $$ `nice`")
	var pid, nice int
	if _, err := fmt.Sscan(line(t, c), &pid, &nice); err != nil || pid != c.Pid() || nice < 5 {
		t.Errorf("got pid %d at priority %d, %v, want %d at 5 or more", pid, nice, err, c.Pid())
	}
}
