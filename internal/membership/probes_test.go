package membership

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/sale"
)

func TestAnswersToProbesAreKeptForAsManyAsTheViewHas(t *testing.T) {
	p := newProbes(func() sale.View { return sale.View{{Name: "n001"}} })
	g := &Gossip{probes: p}
	before := time.Now()
	p.NotifyPingComplete(&memberlist.Node{Name: "n001"}, time.Millisecond, nil)
	for i := range 10_000 {
		p.NotifyPingComplete(&memberlist.Node{Name: fmt.Sprint("stranger-", i)}, time.Millisecond, nil)
		if got := len(g.Probed()); got > 2+spareProbes {
			t.Fatalf("got %d members after %d strangers, want at most %d", got, i+1, 2+spareProbes)
		}
	}
	if at, known := g.Probed()["n001"]; !known || at.Before(before) {
		t.Errorf("got %v, %v for a node of the view, want when it answered", at, known)
	}
}
