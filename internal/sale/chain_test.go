package sale_test

import (
	"testing"

	"onsale/internal/sale"
)

func TestMarksOrderByEpochAndThenBySeq(t *testing.T) {
	for _, c := range []struct {
		a, b sale.Mark
		want bool
	}{
		{sale.Mark{Epoch: 1, Seq: 1}, sale.Mark{Epoch: 1, Seq: 2}, true},
		{sale.Mark{Epoch: 1, Seq: 2}, sale.Mark{Epoch: 1, Seq: 1}, false},
		{sale.Mark{Epoch: 1, Seq: 9}, sale.Mark{Epoch: 2, Seq: 1}, true},
		{sale.Mark{Epoch: 2, Seq: 1}, sale.Mark{Epoch: 1, Seq: 9}, false},
		{sale.Mark{Epoch: 1, Seq: 1}, sale.Mark{Epoch: 1, Seq: 1}, false},
	} {
		if got := c.a.Before(c.b); got != c.want {
			t.Errorf("%+v before %+v: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestALinkDependsOnEverythingBefore(t *testing.T) {
	first := sale.Mark{Epoch: 1, Link: "life"}.Next("opened")
	if first.Seq != 1 || len(first.Link) != sale.LinkLength {
		t.Fatalf("got %+v, want event 1 with a link of %d digits", first, sale.LinkLength)
	}
	other := sale.Mark{Epoch: 1, Link: "another life"}.Next("opened")
	again := sale.Mark{Epoch: 2, Link: "life"}.Next("opened")
	for name, m := range map[string]sale.Mark{"life": other, "epoch": again, "payload": {Epoch: 1, Link: "life"}} {
		if m.Next("x").Link == first.Next("x").Link || m.Link == first.Link {
			t.Errorf("another %s: got the same link", name)
		}
	}
	if got := (sale.Mark{Epoch: 1, Link: "life"}).Next("opened"); got != first {
		t.Errorf("got %+v, want the same mark again", got)
	}
}
