package process

import (
	"testing"
	"time"
)

func TestRedisClusterPromotes(t *testing.T) {
	c, err := StartRedisCluster(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	old, err := c.MasterOf(t.Context(), "k", c.Nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(t.Context(), old.Addr(), "set", "k", "before").Err(); err != nil {
		t.Fatal(err)
	}
	if err := ask(t.Context(), old.Addr(), "wait", 1, 5000).Err(); err != nil {
		t.Fatal(err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	now, err := c.AwaitPromotion(within(t, 20*time.Second), "k", old)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("promoted after %v", time.Since(begin))
	if got, err := ask(t.Context(), now.Addr(), "get", "k").Text(); got != "before" {
		t.Errorf("got %q, %v on the new master, want what was replicated", got, err)
	}
	if err := old.RestartEmpty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitSettled(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := role(t.Context(), old.Addr()); got != "slave" {
		t.Errorf("the old master is a %s, want a slave", got)
	}
	if got, err := ask(t.Context(), old.Addr(), "dbsize").Int(); got != 1 {
		t.Errorf("got %d keys on it, %v, want the copy of one", got, err)
	}
}
