package main

import (
	"net/http"
	"path"
	"strings"
	"testing"
)

// testOrphans pays for an order and for a sale that nobody knows: the money is recorded, and
// goes back.
func testOrphans(t *testing.T, r *records) {
	const nobodys = "01890a5d-ac96-774b-bcce-b302099a8057"
	for _, c := range []struct{ name, sale, listed, settled string }{
		{"an order that nobody knows", "other", "/admin/v1/sales/other/refunds", "/admin/v1/sales/other/refunds/pay_order"},
		{"a sale that nobody knows", "ghost", "/admin/v1/orphans", "/admin/v1/orphans/pay_sale"},
	} {
		t.Run("for "+c.name, func(t *testing.T) {
			payment := path.Base(c.settled)
			for range 2 { // a provider repeats itself
				out, err := finished(t, "pay", nobodys, "--sale", c.sale, "--amount", "100", "--currency", "EUR", "--payment", payment,
					"--front", r.Front(), "--secrets", r.secrets)
				if got := readReceipt(t, out); err == nil || got.Outcome != "refund-due" || got.Reason != "orphan" {
					t.Errorf("got %v and %s, want refund-due, orphan", err, out)
				}
			}
			list := func(state string) string {
				t.Helper()
				out, err := r.AdminCall(r.ctx, http.MethodGet, c.listed+"?state="+state, nil)
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			}
			if got := list("due"); strings.Count(got, payment) != 1 || !strings.Contains(got, `"reason": "orphan"`) {
				t.Errorf("got due:\n%s\nwant %s once, an orphan", got, payment)
			}
			if _, err := r.AdminCall(r.ctx, http.MethodPost, c.settled, []byte(`{"state":"settled"}`)); err != nil {
				t.Fatal(err)
			}
			if due, settled := list("due"), list("settled"); strings.Contains(due, payment) || strings.Count(settled, payment) != 1 {
				t.Errorf("got due:\n%s\nand settled:\n%s\nwant %s settled", due, settled, payment)
			}
		})
	}
}
