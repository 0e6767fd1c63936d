package membership

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/testbed/await"
)

// childVariable makes the test binary run one member, named by its value,
// until it is killed. childSeed is the seed that it joins.
const (
	childVariable = "ONSALE_TEST_MEMBER"
	childSeed     = "ONSALE_TEST_SEED"
)

func runChild() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g, err := New(testConfig(os.Getenv(childVariable), os.Getenv(childSeed)), nil, zap.NewNop(), Hooks{})
	if err == nil {
		err = g.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild runs a member in a process of its own, and returns the process.
func startChild(t *testing.T, name, seed string) *exec.Cmd {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+name, childSeed+"="+seed)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill() // fails when the test has done it
		_ = child.Wait()
	})
	return child
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 3)
	here := func(count int) func() bool { return func() bool { return allSee(nodes, count) } }

	child := startChild(t, "child", nodes[0].LocalAddr())
	await.Within(t, 10*time.Second, "the child in every view", here(4))
	killed := time.Now()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "the killed child out of every view", here(3))
	t.Logf("kill -9 known to all after %v", time.Since(killed).Round(time.Millisecond))
	for _, m := range nodes {
		await.Within(t, 5*time.Second, "the kill reported as a failure", func() bool { return m.received("failed child") == 1 })
	}

	child = startChild(t, "child", nodes[0].LocalAddr())
	await.Within(t, 10*time.Second, "the restarted child in every view, on another port", here(4))
	if err := child.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, m := range nodes {
		await.Within(t, 10*time.Second, "the interrupted child to have left", func() bool { return m.received("left child") == 1 })
	}
}
