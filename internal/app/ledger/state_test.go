package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/telemetry"
)

func TestALedgerRegistersWhatItReads(t *testing.T) {
	var s state
	h := s.watching(hooks(telemetry.New()))
	is := func() (l adminapi.LedgerState) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.registration(true)), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if got := is(); got != (adminapi.LedgerState{Ready: true}) {
		t.Errorf("at first: got %+v", got)
	}
	h.Reading("a", true)
	h.Reading("b", true)
	h.Lag("a", 3, 2*time.Second)
	h.Lag("b", 4, time.Second)
	h.Lag("another ledger's", 100, time.Hour)
	h.Committed("a", 1, 1, time.Millisecond)
	if got := is(); got.Sales != 2 || got.Waiting != 7 || got.WaitedSeconds != 2 || got.WrittenAt == nil || time.Since(*got.WrittenAt) > time.Minute {
		t.Errorf("got %+v, want two sales with seven events, and when it wrote", got)
	}
	h.Reading("b", false)
	h.Lag("a", 0, 0)
	if got := is(); got.Sales != 1 || got.Waiting != 0 || got.WaitedSeconds != 0 {
		t.Errorf("later: got %+v, want one sale and no events", got)
	}
}
