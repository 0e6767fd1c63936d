package membership

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/testbed/await"
)

func TestAPulseHasItsRoundsAndThenRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var rounds atomic.Int64
		p := newPulse()
		go p.run(ctx, 50*time.Millisecond, func() { rounds.Add(1) })
		wait := func(d time.Duration, want int64, when string) {
			t.Helper()
			time.Sleep(d)
			if synctest.Wait(); rounds.Load() != want {
				t.Errorf("got %d rounds %s, want %d", rounds.Load(), when, want)
			}
		}
		wait(time.Minute, 0, "while nothing is to be sent")
		p.begin()
		wait(0, 1, "at once")
		wait(time.Minute, pulseRounds, "a minute later")
		p.begin()
		wait(60*time.Millisecond, pulseRounds+2, "in a second pulse")
		p.begin()
		p.begin()
		wait(time.Minute, 3*pulseRounds, "after one that was wanted twice meanwhile")
		cancel()
		synctest.Wait()
		p.begin()
		wait(time.Minute, 3*pulseRounds, "after the end")
	})
}

// What a member announces must not wait for memberlist's own pace, which is slow, nor for a probe.
func TestAnAnnouncementIsSentAtOnce(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2, func(c *Config) {
		c.Gossip, c.Probe, c.Rejoin = time.Second, 4*time.Second, time.Minute
	})
	nodes[1].SetReady(true)
	await.Within(t, 3*time.Second, "the other one knows that it is ready", func() bool {
		view := nodes[0].View()
		return len(view) == 2 && view[1].Ready
	})
}
