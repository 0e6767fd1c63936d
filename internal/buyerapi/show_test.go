package buyerapi_test

import (
	"net/http"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// TestHowLongADocumentMayBeKept: nginx/document.conf keeps what has exactly these marks, and uses an old document for a second more
// if it may. Sold out for everybody it may not (P4).
func TestHowLongADocumentMayBeKept(t *testing.T) {
	t.Parallel()
	const oneSecond, stale = "public, max-age=1", "public, max-age=1, stale-while-revalidate=1, stale-if-error=1"
	soldOut := func(s *sale.Sale, r *sale.Reading) { r.Remaining = 0 }
	for name, c := range map[string]struct {
		change func(*sale.Sale, *sale.Reading)
		want   string
	}{
		"on sale":   {func(*sale.Sale, *sale.Reading) {}, stale},
		"scheduled": {func(s *sale.Sale, _ *sale.Reading) { s.Opens = noon.Add(time.Minute) }, stale},
		"closed":    {func(s *sale.Sale, _ *sale.Reading) { s.Closed = true }, stale},
		"sold out":  {soldOut, oneSecond},
		"sold out for those who have joined": {func(s *sale.Sale, r *sale.Reading) {
			lined(s, r, 0)
			s.Admission, s.LineRate = sale.AdmitJoined, 0
			soldOut(s, r)
		}, oneSecond},
		"sold out while buyers wait for returns in turn": {func(s *sale.Sale, r *sale.Reading) { lined(s, r, 20); soldOut(s, r) }, stale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := (&site{store: reads(c.change)}).serve(t)
			for _, method := range []string{"GET", "HEAD"} {
				got := a.ask(t, method, "/v1/sales/s", "", "Onsale-Asked-At: 1785402000.123")
				wantHeader(t, got, "Cache-Control", c.want)
				wantHeader(t, got, "Onsale-Asked-At", "1785402000.123")
			}
		})
	}
}

// TestThatThereIsNoSaleMayBeKept: for who asks for its document; what is answered to one buyer is not.
func TestThatThereIsNoSaleMayBeKept(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	got := a.ask(t, "GET", "/v1/sales/none", "")
	if d := got.document(t); got.StatusCode != http.StatusNotFound || d["code"] != buyerapi.SaleUnknown.String() {
		t.Fatalf("got %s %s, want sale-unknown", got.Status, got.body)
	}
	wantHeader(t, got, "Cache-Control", "public, max-age=1")
	for _, path := range []string{"/v1/sales/none/orders/mine", "/v1/sales/none/line/challenge", "/v1/sales/none/x"} {
		wantProblem(t, a.ask(t, "GET", path, ""), buyerapi.SaleUnknown)
	}
}

// TestOnlyATimeIsRepeated: what a client could send to a node that it reaches without Nginx.
func TestOnlyATimeIsRepeated(t *testing.T) {
	t.Parallel()
	a := (&site{store: store{}}).serve(t)
	for _, sent := range []string{"", "x", "1785402000.123x", "-1", "1e9", "1785402000.12345678901234", "<script>"} {
		wantHeader(t, a.ask(t, "GET", "/v1/sales/s", "", "Onsale-Asked-At: "+sent), "Onsale-Asked-At", "")
	}
	wantHeader(t, a.ask(t, "GET", "/v1/sales/s", ""), "Onsale-Asked-At", "")
}
