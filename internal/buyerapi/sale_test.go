package buyerapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

func TestASaleIsShownToAnybody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sale.Sale, *sale.Reading)
		want   map[string]any // what differs from the usual
	}{
		"on sale": {func(*sale.Sale, *sale.Reading) {}, nil},
		"without an end": {func(s *sale.Sale, _ *sale.Reading) { s.Closes = 0 },
			map[string]any{"closes_at": nil}},
		"scheduled": {func(s *sale.Sale, _ *sale.Reading) { s.Opens = noon.Add(time.Minute) },
			map[string]any{"state": "scheduled", "opens_at": "2042-05-01T12:01:00Z"}},
		"closed by hand": {func(s *sale.Sale, _ *sale.Reading) { s.Closed = true },
			map[string]any{"state": "closed"}},
		"closed by its window": {func(s *sale.Sale, _ *sale.Reading) { s.Closes = noon },
			map[string]any{"state": "closed", "closes_at": "2042-05-01T12:00:00Z"}},
		"sold out": {func(_ *sale.Sale, r *sale.Reading) { r.Remaining = 0 },
			map[string]any{"state": "sold-out", "remaining": json.Number("0")}},
		"a voucher with its worth and its terms": {func(s *sale.Sale, _ *sale.Reading) {
			s.Kind, s.FaceValue, s.Rules = sale.Voucher, 10_000, "Не для перепродажи.\n<b>\"Once\" & only</b> \u2028"
		}, map[string]any{
			"kind": "voucher", "face_value": json.Number("10000"), "rules": "Не для перепродажи.\n<b>\"Once\" & only</b> \u2028",
		}},
		"with a subtitle": {func(s *sale.Sale, _ *sale.Reading) { s.Subtitle = "An <evening>" },
			map[string]any{"subtitle": "An <evening>"}},
		"terms of a ticket": {func(s *sale.Sale, _ *sale.Reading) { s.Rules = "No refunds." },
			map[string]any{"rules": "No refunds."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := (&site{store: reads(c.change)}).serve(t).ask(t, "GET", "/v1/sales/s", "")
			if a.StatusCode != http.StatusOK {
				t.Fatalf("got %s %s, want 200", a.Status, a.body)
			}
			wantPrivate(t, a, buyerapi.OK)
			wantHeader(t, a, "Content-Type", "application/json")
			got := a.document(t)
			if now, ok := got["server_time"].(string); !ok || !strings.HasPrefix(now, "2042-05-01T12:00:0") {
				t.Errorf("got server_time %v, want Redis time", got["server_time"])
			}
			delete(got, "server_time")
			want := map[string]any{
				"id": "s", "title": "Concert", "kind": "ticket", "price": json.Number("4950"), "currency": "EUR", "limit": json.Number("4"), "hold_seconds": json.Number("60"),
				"opens_at": "2042-05-01T11:00:00Z", "closes_at": "2042-05-01T13:00:00Z", "state": "on-sale", "remaining": json.Number("1000"),
			}
			for member, value := range c.want {
				if want[member] = value; value == nil {
					delete(want, member)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sale (-want +got):\n%s", diff)
			}
		})
	}
}
