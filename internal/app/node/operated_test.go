package node

import (
	"testing"
	"time"

	"onsale/internal/sale"
)

func TestADrainedNodeIsIdleOnceBuyersHaveLeft(t *testing.T) {
	const leave = 2 * time.Second
	var o operated
	begin := time.Unix(1_000_000, 0)
	at := func(seconds float64, want bool) {
		t.Helper()
		if got := o.idle(begin.Add(time.Duration(seconds*float64(time.Second))), leave); got != want {
			t.Errorf("after %v s: got idle %v, want %v", seconds, got, want)
		}
	}
	at(0, false) // it sells, and nobody asks
	o.ask()
	at(1, false)
	if !o.heed(sale.NodeSetting{Drained: true}, begin.Add(time.Second)) || o.heed(sale.NodeSetting{Drained: true, Weight: 3}, begin.Add(2*time.Second)) {
		t.Error("want a change when it is drained, and none when it is so already")
	}
	at(2, false)
	o.ask() // an Nginx that has not left it yet
	o.ask()
	at(3.5, false)
	at(6, false) // the request may be under way
	at(6.5, true)
	o.ask() // the only node that is left is asked again
	at(7, false)
	at(10.5, true)
	if !o.heed(sale.NodeSetting{}, begin.Add(11*time.Second)) {
		t.Error("want a change when it returns")
	}
	at(20, false)

	// Nobody has asked for long: still every Nginx has time to leave it.
	o.heed(sale.NodeSetting{Drained: true}, begin.Add(100*time.Second))
	at(101.5, false)
	at(102, true)
}

func TestAWeightThatWasSetWins(t *testing.T) {
	var o operated
	for _, c := range []struct{ set, want int }{{0, 5}, {3, 3}, {0, 5}} {
		if o.heed(sale.NodeSetting{Weight: c.set}, time.Now()); o.weight(5) != c.want {
			t.Errorf("with %d set: got %d, want %d", c.set, o.weight(5), c.want)
		}
	}
}

// Every request of a buyer notes that it came.
func TestNotingThatABuyerAskedAllocatesNothing(t *testing.T) {
	var o operated
	if n := testing.AllocsPerRun(100, o.ask); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
