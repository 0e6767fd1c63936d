package ledger

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
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
	if diff := cmp.Diff(adminapi.LedgerState{Ready: true}, is()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
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
	behind := []adminapi.Behind{{Sale: "another ledger's", Waiting: 100, WaitedSeconds: 3600}, {Sale: "a", Waiting: 3, WaitedSeconds: 2}, {Sale: "b", Waiting: 4, WaitedSeconds: 1}}
	if diff := cmp.Diff(behind, is().Behind); diff != "" {
		t.Errorf("behind (-want +got):\n%s", diff)
	}
	h.Reading("b", false)
	h.Lag("a", 0, 0)
	if got := is(); got.Sales != 1 || got.Waiting != 0 || got.WaitedSeconds != 0 {
		t.Errorf("later: got %+v, want one sale and no events", got)
	}
}

// A site of thousands of sales whose PostgreSQL is away must not write all of them to Redis each second.
func TestALedgerRegistersThoseThatWaitLongest(t *testing.T) {
	var s state
	h := s.watching(hooks(telemetry.New()))
	for i := range 1000 {
		h.Lag(sale.ID(fmt.Sprint("sale-", i)), 1, time.Duration(i)*time.Second)
	}
	var l adminapi.LedgerState
	if err := json.Unmarshal([]byte(s.registration(true)), &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Behind) != adminapi.MaxBehind || l.Behind[0].Sale != "sale-999" || l.Behind[adminapi.MaxBehind-1].Sale != "sale-980" {
		t.Errorf("got %+v, want the %d that have waited longest", l.Behind, adminapi.MaxBehind)
	}
}
