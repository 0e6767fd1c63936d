package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
)

// A ledger behind a pooler that refused every statement wrote nothing for ever, and was ready.
func TestALedgerThatMakesNoProgressIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{statuses: map[sale.ID]saleStatus{}}
		w.list([]sale.ID{"s", "idle"})
		look := func(head string, want bool) {
			t.Helper()
			w.progress("idle", "")
			if head != "unread" {
				w.progress("s", head)
			}
			if got := w.stalled(30 * time.Second); got != want {
				t.Errorf("got stalled %v, want %v", got, want)
			}
			reports := 0
			w.stalls(30*time.Second, func(id sale.ID, stalled bool) {
				if reports++; stalled != (want && id == "s") {
					t.Errorf("%s: got stalled %v reported", id, stalled)
				}
			})
			if reports != 2 {
				t.Errorf("got %d sales reported, want both at every look", reports)
			}
		}
		look("1-0", false)
		time.Sleep(29 * time.Second)
		look("1-0", false)
		time.Sleep(2 * time.Second)
		look("1-0", true) // the oldest entry has not moved
		look("2-0", false)
		time.Sleep(31 * time.Second)
		look("unread", true) // nobody knows: its key is broken, or it is lost
		look("", false)
		time.Sleep(time.Hour)
		look("", false) // nothing waits
	})
}
