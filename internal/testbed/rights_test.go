package testbed_test

import (
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// A user without XADD had twenty buyers get the one ticket. Now no program sells or records
// for such a user, and each names what is missing.
func TestProgramsNameTheRightsThatTheirRedisUserLacks(t *testing.T) {
	t.Parallel()
	s := startLossy(t)
	s.openSale(t, "rights", 1)
	err := s.redis.Do(s.ctx, "acl", "setuser", "clerk", "on", ">secret", "~*", "+@all", "-xadd", "-zadd").Err()
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*testbed.Member{"node": s.Nodes[0], "allocator": s.Allocators[0], "ledger": s.Ledgers[0]} {
		if err := m.Stop(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := m.StartWith("--redis-username", "clerk", "ONSALE_REDIS_PASSWORD=secret"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if t.Failed() {
				t.Logf("%s: %s", name, m.Tail())
			}
		}()
		await.Within(t, 20*time.Second, name+" ends", func() bool { return !m.Running() })
		if log := m.Tail(); !strings.Contains(log, "XADD") || !strings.Contains(log, "ZADD") {
			t.Errorf("%s: got %s, want the missing commands named", name, log)
		}
	}
}
