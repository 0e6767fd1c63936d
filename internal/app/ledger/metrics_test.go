package ledger

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/ledger"
	"onsale/internal/telemetry"
)

func TestHooksChangeTheirMetrics(t *testing.T) {
	m := telemetry.New()
	h := hooks(m)
	h.Lag("s", 3, 2*time.Second)
	h.Reading("s", true)
	h.Committed("s", 4, 40, time.Millisecond)
	h.Lost("s", true)
	h.Stalled("s", true)
	h.Failed(ledger.OpCommit, errors.New("away"))
	h.Unreadable("s", 5)
	w := httptest.NewRecorder()
	m.AdminMux(func() error { return nil }, func() []string { return nil }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`onsale_ledger_lag_entries{sale="s"} 3`, `onsale_ledger_lag_seconds{sale="s"} 2`, `onsale_ledger_reading{sale="s"} 1`,
		`onsale_ledger_entries_total{sale="s"} 4`, `onsale_ledger_orders_total{sale="s"} 40`, `onsale_ledger_commit_seconds_sum 0.001`,
		`onsale_ledger_sale_lost{sale="s"} 1`, `onsale_ledger_stalled{sale="s"} 1`,
		`onsale_ledger_failures_total{operation="commit"} 1`, `onsale_ledger_unreadable_entries_total{sale="s"} 5`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("got no line %s", line)
		}
	}
}
