package hostile_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// Attack: those whose turn has come stay away until it is long over, and then ask all the time at every door, in order to be counted as
// many of those who are late and hold up the others. Each is in the late line once at most, and who comes in turn is served.
func TestWhoIsLateIsInTheLateLineOnce(t *testing.T) {
	const tickets, waiters, late = 40, 200, 3
	id := target.openAs(t, adminapi.Definition{Total: tickets, Limit: 1, Admission: "line", LineRate: 50})
	var texts []string
	for i := range waiters {
		buyer := fmt.Sprint("waiter-", i)
		texts = append(texts, target.purchase(t, id, buyer, place(target.join(t, target.everywhere()[i%3], id, buyer).Token)))
	}
	await.Until(t, "the turn of those who will be late", func() bool { return target.lineOf(t, id).Front >= late })
	began := time.Now()
	// Meanwhile the others buy but two tickets: then the stock holds the front, and who is late has to wait for room.
	next := late
	last := map[string]int{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d asked, who got %v; %d sold, the line is %+v", next-late, last, target.orders(t, id), target.lineOf(t, id))
		}
	})
	await.Within(t, 2*time.Minute, "their turn to be over", func() bool {
		if sold := target.orders(t, id); sold < tickets-2 && int64(next) < target.lineOf(t, id).Front {
			a := ask(t, target.everywhere()[next%3], texts[next])
			last[fmt.Sprint(a.status, " ", a.code)]++
			if a.order != "" { // a node may not know of the front yet
				next++
			}
		}
		return time.Since(began) > 47*time.Second && target.orders(t, id) == tickets-2
	})
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			for k := range 60 {
				a := ask(t, target.everywhere()[(i+k)%3], texts[i%late])
				if a.order == "" && a.code != "not-your-turn" && a.code != "sold-out" {
					t.Errorf("late %d: got %v, want an order, not-your-turn or sold-out", i%late, a)
				}
			}
		})
	}
	clients.Wait()
	client, err := remotestock.Dial(target.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	front := remotestock.Keys(sale.ID(id))[13]
	n, err := client.HGet(target.ctx, front, "joined").Int()
	if err != nil || n < 1 || n > late {
		t.Errorf("got %d in the late line, %v, want 1 to %d", n, err, late)
	}
	await.Within(t, 2*time.Minute, "everything to be sold", func() bool {
		for i, text := range texts {
			ask(t, target.everywhere()[i%3], text)
		}
		return target.orders(t, id) == tickets
	})
}
