package process

import (
	"testing"
	"time"
)

func startSentinels(t *testing.T, replicas int) *Sentinels {
	t.Helper()
	s, err := StartSentinels(t.Context(), t.TempDir(), replicas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// set writes a key to a server itself, past its proxy.
func set(t *testing.T, s *Server, value string) {
	t.Helper()
	if err := ask(t.Context(), s.Redis.Addr(), "set", "k", value).Err(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *Server) string {
	t.Helper()
	v, _ := ask(t.Context(), s.Redis.Addr(), "get", "k").Text()
	return v
}

// promoted waits for another master than the one given.
func (s *Sentinels) promoted(t *testing.T, old *Server) *Server {
	t.Helper()
	begin := time.Now()
	now, err := s.AwaitPromotion(within(t, 20*time.Second), old)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("promoted after %v", time.Since(begin))
	return now
}

func (s *Sentinels) settles(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := s.AwaitSettled(within(t, 40*time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Logf("settled after %v", time.Since(begin))
}

func TestSentinelsPromote(t *testing.T) {
	t.Run("when the master is killed, and take it back as a replica", func(t *testing.T) {
		s := startSentinels(t, 1)
		old := s.Servers[0]
		set(t, old, "before")
		s.settles(t)
		if err := old.Kill(); err != nil {
			t.Fatal(err)
		}
		now := s.promoted(t, old)
		if got := get(t, now); got != "before" {
			t.Errorf("got %q on the new master, want what was replicated", got)
		}
		if err := old.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.settles(t)
		if got := role(t.Context(), old.Redis.Addr()); got != "slave" {
			t.Errorf("the old master is a %s, want a slave", got)
		}
	})
	t.Run("one of two replicas, and the other follows it", func(t *testing.T) {
		s := startSentinels(t, 2)
		old := s.Servers[0]
		if err := old.Kill(); err != nil {
			t.Fatal(err)
		}
		s.promoted(t, old)
		if err := old.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.settles(t)
	})
	t.Run("when the master stands still", func(t *testing.T) {
		s := startSentinels(t, 1)
		old := s.Servers[0]
		if err := old.Pause(); err != nil {
			t.Fatal(err)
		}
		s.promoted(t, old)
		if err := old.Resume(); err != nil {
			t.Fatal(err)
		}
		s.settles(t)
	})
	t.Run("when the master is cut off, which its clients do not notice", func(t *testing.T) {
		s := startSentinels(t, 1)
		old := s.Servers[0]
		old.Cut()
		now := s.promoted(t, old)
		if err := ask(t.Context(), old.Addr(), "set", "k", "lost").Err(); err != nil {
			t.Errorf("writing to the old master: got %v, want that it works", err)
		}
		set(t, now, "kept")
		old.Heal()
		s.settles(t)
		if got := get(t, old); got != "kept" {
			t.Errorf("got %q on the old master, want the new one's", got)
		}
	})
	t.Run("when they are asked to", func(t *testing.T) {
		s := startSentinels(t, 1)
		old := s.Servers[0]
		if err := s.Failover(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.promoted(t, old)
		s.settles(t)
	})
}

// A master that is back before anybody takes it for dead is the master yet, and
// what it has lost is lost on its replica as well.
func TestMasterRestartedEmptyEmptiesItsReplica(t *testing.T) {
	s := startSentinels(t, 1)
	master, replica := s.Servers[0], s.Servers[1]
	set(t, master, "before")
	s.settles(t)
	if got := get(t, replica); got != "before" {
		t.Fatalf("got %q on the replica, want what the master has", got)
	}
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := master.RestartEmpty(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.settles(t)
	// Where the machine is so busy that the Sentinels took it for dead, its replica is promoted
	// with all that it has: then this has shown nothing.
	if now, err := s.Master(t.Context()); err != nil {
		t.Fatal(err)
	} else if now != master {
		t.Log("the Sentinels were faster: the replica was promoted")
		return
	}
	if got := get(t, replica); got != "" {
		t.Errorf("got %q on the replica, want nothing", got)
	}
}
