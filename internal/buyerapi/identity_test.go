package buyerapi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// tokens accepts the tokens of these tests, each of which is a prefix and its buyer.
type tokens struct{}

const tokenPrefix = "token-of-"

// token is a valid token of a buyer.
func token(_ testing.TB, buyer string) string { return tokenPrefix + buyer }

// Verify implements buyerapi.Verifier.
func (tokens) Verify(token string, now time.Time) (sale.Buyer, error) {
	buyer, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || now.Before(noon.Time()) {
		return "", errors.New("exp: the token has expired")
	}
	return sale.Buyer(strings.Clone(buyer)), nil // the token shares the request's memory
}

// Lifetime implements buyerapi.Verifier: tokens are good for a day.
func (t tokens) Lifetime(token string, now time.Time) (sale.Buyer, time.Time, error) {
	buyer, err := t.Verify(token, now)
	return buyer, noon.Add(24 * time.Hour).Time(), err
}

func TestTheAuthorizationHeader(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	valid := token(t, "alice")
	for i, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		header := scheme + token(t, fmt.Sprint("buyer", i)) + strings.Repeat(" ", i)
		if got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, "Authorization: "+header); got.StatusCode != 201 {
			t.Errorf("%.20s…: got %s, want 201", header, got.Status)
		}
	}
	for _, header := range []string{
		"X-Token: " + valid, "Cookie: token=" + valid, "Authorization: " + valid, "Authorization: Basic " + valid, "Authorization: Bearer",
		"Authorization: Bearer" + valid, "Authorization:", "Authorization: Bearer x\r\nAuthorization: Bearer " + valid,
	} {
		wantProblem(t, a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, header), buyerapi.Unauthorized)
	}
	wantProblem(t, a.ask(t, "POST", "/v1/sales/s/orders?access_token="+valid, `{"quantity":1}`), buyerapi.Unauthorized)
}

func TestARefusalNamesWhatIsWrongWithAToken(t *testing.T) {
	t.Parallel()
	got := (&site{}).serve(t).ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer("another"))
	wantProblem(t, got, buyerapi.Unauthorized)
	wantHeader(t, got, "WWW-Authenticate", `Bearer realm="onsale"`)
	if want := "the token has expired"; !strings.Contains(string(got.body), want) {
		t.Errorf("got no %q in the answer", want)
	}
}
