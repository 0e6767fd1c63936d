package buyerapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// rarely is a limit of so many requests, and of another one after a thousand seconds.
func rarely(burst int) ratelimit.Rate { return ratelimit.Rate{PerSecond: 0.001, Burst: burst} }

// wantLimited has the answer be that of a limit, with fields that a client can wait by.
func wantLimited(t *testing.T, got answer, policy, window string) (seconds int) {
	t.Helper()
	if diff := cmp.Diff([]any{policy}, wantProblem(t, got, buyerapi.RateLimited)["violated-policies"]); diff != "" {
		t.Errorf("violated policies (-want +got):\n%s", diff)
	}
	seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Errorf("got Retry-After %q, want whole seconds", got.Header.Get("Retry-After"))
	}
	wantHeader(t, got, "RateLimit-Policy", `"`+policy+`";`+window)
	wantHeader(t, got, "RateLimit", `"`+policy+`";r=0;t=`+got.Header.Get("Retry-After"))
	return seconds
}

func TestABuyerWhoAsksTooOftenIsRefused(t *testing.T) {
	t.Parallel()
	s := keeping(sale.StateHeld)
	s.limits.Buyer = rarely(3)
	a := s.serve(t)
	alice, bob := bearer(token(t, "alice")), bearer(token(t, "bob"))
	for range 10 { // who has no token, or another's that is not signed, counts for nobody
		wantProblem(t, a.ask(t, "GET", theOrder, ""), buyerapi.Unauthorized)
		wantProblem(t, a.ask(t, "GET", theOrder, "", bearer("alice")), buyerapi.Unauthorized)
	}
	for range 3 {
		if got := a.ask(t, "GET", theOrder, "", alice); got.StatusCode != http.StatusOK {
			t.Errorf("got %s %s, want 200", got.Status, got.body)
		}
	}
	calls := s.orders.calls.Load()
	for _, method := range []string{"GET", "DELETE"} {
		if seconds := wantLimited(t, a.ask(t, method, theOrder, "", alice), "buyer", "q=3;w=3000"); seconds < 900 || seconds > 1002 {
			t.Errorf("got Retry-After %d, want about the 1,000 seconds until another request may come", seconds)
		}
	}
	wantLimited(t, a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, alice), "buyer", "q=3;w=3000")
	if got := s.orders.calls.Load(); got != calls {
		t.Errorf("got %d calls of Orders for refused requests, want none", got-calls)
	}
	if got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bob); got.StatusCode != http.StatusCreated {
		t.Errorf("another buyer got %s %s, want 201", got.Status, got.body)
	}
}

// Where all buyers together ask too often, purchases are refused first, and payments never.
func TestTheNodesLimitRefusesPurchasesFirst(t *testing.T) {
	t.Parallel()
	s := payable()
	s.limits.Node = rarely(8) // 2 of them are left to urgent requests
	a := s.serve(t)
	purchase := func(buyer string) answer {
		return a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, buyer)))
	}
	for i := range 6 {
		if got := purchase("buyer-" + strconv.Itoa(i)); got.StatusCode != http.StatusCreated {
			t.Errorf("got %s %s, want 201", got.Status, got.body)
		}
	}
	wantLimited(t, purchase("late"), "node", "q=8;w=8000")
	alice := bearer(token(t, "alice"))
	for _, method := range []string{"GET", "DELETE"} {
		if got := a.ask(t, method, theOrder, "", alice); got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s %s, want 200", method, got.Status, got.body)
		}
	}
	wantLimited(t, a.ask(t, "GET", theOrder, "", alice), "node", "q=8;w=8000")
	if got := a.post(t, signed(ours, paying)); got.StatusCode != http.StatusOK {
		t.Errorf("a payment got %s %s, want 200", got.Status, got.body)
	}
}

// Those who wait equally long would come back together.
func TestThoseWhomTheNodeRefusesComeBackAtDifferentTimes(t *testing.T) {
	t.Parallel()
	a := (&site{limits: ratelimit.Limits{Node: ratelimit.Rate{PerSecond: 0.2, Burst: 1}}}).serve(t)
	seen := map[string]int{}
	for range 200 {
		got := a.ask(t, "GET", "/v1/sales/s/orders/mine", "", bearer(token(t, "alice")))
		if got.StatusCode == http.StatusTooManyRequests {
			seen[got.Header.Get("Retry-After")]++
		}
	}
	if len(seen) < 3 {
		t.Errorf("got Retry-After %v, want several", seen)
	}
}

// Nginx keeps what is sold out, and shows it to everybody.
func TestWhatIsSoldOutCarriesNoLimitOfABuyer(t *testing.T) {
	t.Parallel()
	s := soldOut()
	s.limits.Buyer = rarely(1)
	a := s.serve(t)
	for range 3 {
		got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")))
		wantProblem(t, got, buyerapi.SoldOut)
		for name := range got.Header {
			if strings.HasPrefix(name, "Ratelimit") {
				t.Errorf("got %s, want no field of a limit", name)
			}
		}
	}
}
