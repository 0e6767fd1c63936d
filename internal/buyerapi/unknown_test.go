package buyerapi_test

import (
	"net/http"
	"testing"

	"onsale/internal/buyerapi"
)

// Each call for a sale that there is not is answered alike, without a token.
func TestNoCallKnowsAnUnknownSale(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	const order = "/orders/01890a5d-ac96-774b-bcce-b302099a8057"
	for _, call := range [][2]string{
		{http.MethodPost, "/orders"}, {http.MethodGet, "/orders/mine"}, {http.MethodGet, order}, {http.MethodDelete, order},
		{http.MethodPost, "/line"}, {http.MethodGet, "/line/challenge"},
	} {
		wantProblem(t, a.ask(t, call[0], "/v1/sales/none"+call[1], ""), buyerapi.SaleUnknown)
	}
}
