package board

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/browser"
)

// TestABrowserThatIsLeftOpenForADayDoesNotGrow feeds the page a day of frames as fast as it takes them: a hundred nodes, of which
// one after the other dies and comes back under another name, plans, outages and sales that sell out and get tickets back.
func TestABrowserThatIsLeftOpenForADayDoesNotGrow(t *testing.T) {
	frames, step := 2_880, 30*time.Second
	if os.Getenv("ONSALE_TEST_WHOLE_DAY") != "" {
		frames, step = 172_800, frameEvery
	}
	f := newFake(100, 60)
	f.feed.site.events = nil
	begin := time.Date(2030, 5, 1, 18, 0, 0, 0, time.UTC)
	mux := http.NewServeMux()
	RegisterPage(mux, "", nil)
	mux.HandleFunc("GET /board/session", func(w http.ResponseWriter, r *http.Request) { f.board.reply(w, http.StatusOK, true) })
	reached := make(chan int)
	resume := make(chan struct{})
	mux.HandleFunc("GET /board/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		c := http.NewResponseController(w)
		number := int64(0)
		for i := range frames {
			now := begin.Add(time.Duration(i) * step)
			f.board.ranked = time.Time{}
			m := day(f, i, frames, now, &number)
			if _, err := fmt.Fprintf(w, "data: %s\n\n", encoded(m)); err != nil {
				return
			}
			if i%20 == 0 {
				if c.Flush() != nil {
					return
				}
			}
			if i == frames/10 || i == frames-1 {
				_ = c.Flush()
				reached <- i
				select {
				case <-resume:
				case <-r.Context().Done():
					return
				}
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	w := browser.Start(t).Window(t, browser.Look{Width: 1440, Height: 900, Still: true})
	w.Go(server.URL + "/board")
	measure := func() browser.Memory {
		t.Helper()
		var at int
		select {
		case at = <-reached:
		case <-time.After(10 * time.Minute):
			t.Fatal("the page does not take the frames")
		}
		w.Wait(fmt.Sprintf(`document.querySelector("#facts").innerText.includes("generation\n%d")`, at+1))
		return w.Memory()
	}
	early := measure()
	resume <- struct{}{}
	late := measure()
	t.Logf("after a tenth of a day: %.1f MB of heap, %d nodes, %d listeners; after a day: %.1f MB, %d, %d",
		early.Heap/1e6, early.Nodes, early.Listeners, late.Heap/1e6, late.Nodes, late.Listeners)
	if late.Heap > early.Heap*1.2+1e6 || float64(late.Nodes) > float64(early.Nodes)*1.1+100 || late.Listeners > early.Listeners {
		t.Errorf("got %+v after a day, %+v after a tenth of it: want them alike", late, early)
	}
	if faults := w.Faults(); len(faults) > 0 {
		t.Errorf("got %q in the console, want nothing", faults)
	}
	resume <- struct{}{}
}

// day is frame i of a day.
func day(f *fake, i, frames int, now time.Time, number *int64) message {
	event := func(m *message, e Event) {
		*number++
		e.Number, e.At = *number, now
		m.Events = append(m.Events, e)
	}
	cycle := int64(i % 240) // a sale that sells out and begins again
	v := f.stock("sale-0001", 10_000, min(cycle*30, 5_000), min(cycle*20, 5_000))
	v.Reading.Plan = sale.Generation(i + 1)
	m := message{Chosen: "sale-0001"}
	switch {
	case i%7 == 0:
		event(&m, Event{Kind: Killed, Node: fmt.Sprint("x", i)})
	case i%7 == 3:
		event(&m, Event{Kind: Joined, Node: fmt.Sprint("x", i+1)})
	case cycle == 200:
		event(&m, Event{Kind: SoldOut, Sale: "sale-0001"})
	case i%50 == 1:
		event(&m, Event{Kind: RedisAway})
		event(&m, Event{Kind: RedisBack})
	}
	event(&m, Event{Kind: Planned, Sale: "sale-0001", Reason: "low", Nodes: 100, Plan: int64(i)})
	site := f.board.siteNow(now)
	site.Gone = []Gone{{Name: fmt.Sprint("x", i/7*7), Kind: Killed, At: now}}
	site.Run = "one"
	s := newSaleNow(v, now)
	m.Site, m.Sale = encoded(site), json.RawMessage(encoded(s))
	if i == 0 {
		m.Curve = []point{{now, 10_000, 0, 0}}
	}
	return m
}
