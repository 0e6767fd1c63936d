package soldout

import (
	"testing"
	"time"
)

// A reading from before the clock was set writes nothing: its second is another one now.
func TestAClockThatWasSetIsNoticed(t *testing.T) {
	sent := time.Unix(1000, 0)
	for _, c := range []struct {
		step time.Duration
		want bool
	}{{0, false}, {time.Millisecond, false}, {-time.Hour, true}, {-2 * time.Second, true}, {time.Hour, true}} {
		if got := stepped(sent, sent.Add(time.Second+c.step), time.Second); got != c.want {
			t.Errorf("a step of %v: got %v, want %v", c.step, got, c.want)
		}
	}
}
