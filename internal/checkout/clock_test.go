package checkout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c checkout.Clock
		if _, ok := c.Now(); ok {
			t.Error("got a time before the first reading")
		}
		if _, ok := c.Age(); ok {
			t.Error("got an age before the first reading")
		}
		want := func(what string, at, age time.Duration) {
			t.Helper()
			now, _ := c.Now()
			old, _ := c.Age()
			if now != noon.Add(at) || old != age {
				t.Errorf("%s: got noon%+d ms, %v old, want noon%+d ms, %v old", what, now-noon, old, at.Milliseconds(), age)
			}
		}
		sent := time.Now()
		time.Sleep(10 * time.Millisecond)
		c.Set(noon, sent)
		want("just received", 0, 0)
		time.Sleep(time.Second)
		want("a second later", time.Second, time.Second)

		c.Set(noon.Add(-time.Hour), sent.Add(-time.Millisecond))
		c.Set(noon.Add(-time.Hour), sent)
		want("a reading that is not newer is ignored", time.Second, time.Second)

		c.Set(noon.Add(-time.Minute), time.Now())
		want("a newer reading counts, also where Redis time stepped back", -time.Minute, 0)
	})
}
