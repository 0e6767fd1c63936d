package buyerapi_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/buyerapi"
)

func TestAnOrderIsOneQuantity(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"quantity":1}`: 1, `{"quantity":4}`: 4, " {\n\t\"quantity\" : 2 }\r\n": 2, `{"\u0071uantity":1}`: 1,
		fmt.Sprintf(`{"quantity":%d}`, math.MaxInt): math.MaxInt,
	} {
		if got, err := buyerapi.DecodeOrder([]byte(body)); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", body, got, err, want)
		}
	}
}

// The short way reads what the long way reads, and nothing else: a blank before the body has it taken.
func TestPlainOrdersAreReadAlike(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const letters = `0123456789{}":,. -+eE\quantityQ`
	for _, n := range []int{0, 1, 9, 10, 9999, 10000, 99999} {
		for range 2000 {
			body := fmt.Appendf(nil, `{"quantity":%d}`, n)
			for range random.IntN(3) {
				switch at, c := random.IntN(len(body)), letters[random.IntN(len(letters))]; random.IntN(3) {
				case 0:
					body[at] = c
				case 1:
					body = slices.Insert(body, at, c)
				case 2:
					body = slices.Delete(body, at, at+1)
				}
			}
			got, err := buyerapi.DecodeOrder(body)
			want, werr := buyerapi.DecodeOrder(append([]byte(" "), body...))
			if got != want || (err == nil) != (werr == nil) {
				t.Fatalf("%q: got %d, %v, want %d, %v", body, got, err, want, werr)
			}
		}
	}
}

// notOrders are bodies that order nothing.
var notOrders = []string{
	"", " ", "\n", "x", "{", "}", "{}", "[]", "null", "true", "1", `"1"`, "quantity=1",
	`{"quantity"}`, `{"quantity":}`, `{"quantity":1`, `{"quantity" 1}`, `{"quantity":1,}`, `{,"quantity":1}`, `{'quantity':1}`, `{quantity:1}`,
	`{"quantity":0}`, `{"quantity":-1}`, `{"quantity":-0}`, `{"quantity":01}`, `{"quantity":+1}`, `{"quantity":0x1}`,
	`{"quantity":1e300}`, `{"quantity":1e0}`, `{"quantity":1.0}`, `{"quantity":1.5}`, `{"quantity":NaN}`,
	`{"quantity":99999999999999999999}`, `{"quantity":-99999999999999999999}`,
	`{"quantity":9223372036854775808}`, `{"quantity":18446744073709551617}`, // int64 and uint64, gone round
	`{"quantity":"1"}`, `{"quantity":null}`, `{"quantity":true}`, `{"quantity":[]}`, `{"quantity":[1]}`, `{"quantity":{}}`,
	`{"qty":1}`, `{"quantity":1,"qty":2}`, `{"qty":2,"quantity":1}`, `{"buyer":"bob","quantity":1}`,
	`{"quantity":1,"quantity":1}`, `{"quantity":1,"quantity":4}`, `{"Quantity":1}`, `{"QUANTITY":1}`, `{"quantıty":1}`, `{"":1}`,
	`[{"quantity":1}]`, `{"order":{"quantity":1}}`, strings.Repeat("[", 4000), strings.Repeat(`{"quantity":`, 500),
	`{"quantity":1}{"quantity":2}`, `{"quantity":1}{}`, `{"quantity":1} x`, `{"quantity":1}]`, `{"quantity":1},`, `{"quantity":1}null`,
	"{\"quantity\":1}\x00", "\ufeff{\"quantity\":1}", "{\"quantity\":1}\ufeff", "{\"quantity\xff\":1}",
}

func TestOnlyAnOrderOrders(t *testing.T) {
	t.Parallel()
	var claimed atomic.Bool // requests come over several connections
	a := (&site{hooks: buyerapi.Hooks{Answered: func(_ buyerapi.Endpoint, a buyerapi.Answer, _ time.Time) {
		if a == buyerapi.Created {
			claimed.Store(true)
		}
	}}}).serve(t)
	for _, body := range notOrders {
		got := a.ask(t, "POST", "/v1/sales/s/orders", body, bearer(token(t, "alice")))
		if reason, ok := wantProblem(t, got, buyerapi.InvalidRequest)["reason"].(string); !ok || reason == "" {
			t.Errorf("%.60q: got %s, want a reason", body, got.body)
		}
	}
	if claimed.Load() {
		t.Error("an order was made")
	}
}

// Four kilobytes of brackets once took seconds to reject.
func TestANestedBodyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, body := range []string{strings.Repeat("[", 8000), strings.Repeat("[", 120) + strings.Repeat("]", 120), strings.Repeat(`{"quantity":`, 600)} {
		if quantity, err := buyerapi.DecodeOrder([]byte(body)); err == nil {
			t.Errorf("got quantity %d of %d nested bytes, want an error", quantity, len(body))
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("got refusals after %v, want them at once", took)
	}
}

func TestAFormOrdersNothing(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	form := "--b\r\nContent-Disposition: form-data; name=\"quantity\"\r\n\r\n1\r\n--b--\r\n"
	for _, body := range []string{form, "no form", form[:20]} {
		got := a.ask(t, "POST", "/v1/sales/s/orders", body, bearer(token(t, "alice")), "Content-Type: multipart/form-data; boundary=b")
		wantProblem(t, got, buyerapi.InvalidRequest)
	}
}

func FuzzDecodeOrder(f *testing.F) {
	for _, body := range append(notOrders, `{"quantity":1}`, ` { "quantity" : 12 } `) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		quantity, err := buyerapi.DecodeOrder(body)
		if err != nil {
			if quantity != 0 {
				t.Errorf("%q: got quantity %d with error %v, want 0", body, quantity, err)
			}
			return
		}
		if quantity < 1 {
			t.Errorf("%q: got quantity %d, want at least 1", body, quantity)
		}
		// Every other reader must read the same.
		var members map[string]json.Number
		if err := json.Unmarshal(body, &members); err != nil || len(members) != 1 || members["quantity"].String() != fmt.Sprint(quantity) {
			t.Errorf("%q: got %d, but encoding/json reads %v, %v", body, quantity, members, err)
		}
		again, err := buyerapi.DecodeOrder(fmt.Appendf(nil, `{"quantity":%d}`, quantity))
		if err != nil || again != quantity {
			t.Errorf("%d does not survive a round trip: got %d, %v", quantity, again, err)
		}
	})
}
