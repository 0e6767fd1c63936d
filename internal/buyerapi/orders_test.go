package buyerapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

const theOrder = "/v1/sales/s/orders/" + string(anOrder)

func TestABuyerSeesTheOrder(t *testing.T) {
	t.Parallel()
	a := keeping(sale.StateHeld).serve(t)
	want := map[string]any{
		"id": string(anOrder), "sale": "s", "state": "held", "quantity": json.Number("2"), "amount": json.Number("9900"),
		"currency": "EUR", "created_at": "2042-05-01T12:00:00Z", "expires_at": "2042-05-01T12:01:00Z",
	}
	for name, target := range map[string]string{"by its id": theOrder, "as mine": "/v1/sales/s/orders/mine"} {
		t.Run(name, func(t *testing.T) {
			got := a.ask(t, "GET", target, "", bearer(token(t, "alice")))
			if got.StatusCode != http.StatusOK {
				t.Fatalf("got %s %s, want 200", got.Status, got.body)
			}
			wantPrivate(t, got, buyerapi.OK)
			if diff := cmp.Diff(want, got.document(t)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

// The address leads one order to its payment, and its buyer back to the page that the order was taken on.
func TestAHeldOrderHasTheAddressToPayAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state       sale.State
		host, proto string
		want        any
	}{
		"held":        {sale.StateHeld, "tickets.example:8443", "https", "https://pay.example/" + string(anOrder) + "?amount=9900EUR&back=https%3A%2F%2Ftickets.example%3A8443%2Fsales%2Fs"},
		"in dev":      {sale.StateHeld, "127.0.0.1:8080", "http", "https://pay.example/" + string(anOrder) + "?amount=9900EUR&back=http%3A%2F%2F127.0.0.1%3A8080%2Fsales%2Fs"},
		"paid":        {sale.StatePaid, "tickets.example", "https", nil},
		"an odd host": {sale.StateHeld, "x\"<&", "https", "https://pay.example/" + string(anOrder) + "?amount=9900EUR&back=https%3A%2F%2Fx%22%3C%26%2Fsales%2Fs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := keeping(c.state)
			read := s.store.read
			s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
				d, r := definition(id), reading(1000)
				var err error
				if read != nil {
					d, r, err = read(id)
				}
				d.PayURL = "https://pay.example/{order}?amount={amount}{currency}&back={return}"
				return d, r, err
			}
			got := s.serve(t).at(t, c.host, "GET", theOrder, "", bearer(token(t, "alice")), "X-Forwarded-Proto: "+c.proto)
			if got.StatusCode != http.StatusOK || got.document(t)["pay_url"] != c.want {
				t.Errorf("got %s and pay_url %v, want %v", got.Status, got.document(t)["pay_url"], c.want)
			}
		})
	}
}

func TestAnothersOrderLooksLikeNone(t *testing.T) {
	t.Parallel()
	a := keeping(sale.StateHeld).serve(t)
	const none = "/v1/sales/s/orders/01890a5d-ac96-774b-bcce-b302099a8058"
	for _, method := range []string{"GET", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			others := a.ask(t, method, theOrder, "", bearer(token(t, "mallory")))
			wantProblem(t, others, buyerapi.OrderUnknown)
			unknown := a.ask(t, method, none, "", bearer(token(t, "mallory")))
			for _, got := range []*answer{&others, &unknown} {
				got.raw = strings.Replace(got.raw, got.Header.Get("Date"), "", 1)
			}
			if diff := cmp.Diff(unknown.raw, others.raw); diff != "" {
				t.Errorf("another's order (-unknown +another's):\n%s", diff)
			}
		})
	}
	wantProblem(t, a.ask(t, "GET", "/v1/sales/s/orders/mine", "", bearer(token(t, "mallory"))), buyerapi.OrderUnknown)
}

func TestNoOrderIsReadOrCancelledWithoutAToken(t *testing.T) {
	t.Parallel()
	s := keeping(sale.StateHeld)
	a := s.serve(t)
	for _, call := range [][2]string{{"GET", theOrder}, {"HEAD", theOrder}, {"GET", "/v1/sales/s/orders/mine"}, {"DELETE", theOrder}} {
		got := a.ask(t, call[0], call[1], "")
		wantHeader(t, got, "WWW-Authenticate", `Bearer realm="onsale"`)
		if call[0] != "HEAD" {
			wantProblem(t, got, buyerapi.Unauthorized)
		} else if got.StatusCode != http.StatusUnauthorized {
			t.Errorf("got %s to HEAD, want 401", got.Status)
		}
	}
	if got := s.orders.calls.Load(); got != 0 {
		t.Errorf("got %d calls of Orders, want none", got)
	}
}

func TestOrderIDsOfOddFormNeverReachRedis(t *testing.T) {
	t.Parallel()
	s := keeping(sale.StateHeld)
	a := s.serve(t)
	for _, id := range []string{
		"1", "x", strings.Repeat("a", 36), strings.Repeat("a", 4000), "..", "mine2", "Mine",
		strings.ToUpper(string(anOrder)), "{" + string(anOrder) + "}", "urn:uuid:" + string(anOrder),
		strings.ReplaceAll(string(anOrder), "-", ""), "01890a5d-ac96-474b-bcce-b302099a8057", // a UUIDv4
		"00000000-0000-0000-0000-000000000000", "01890a5d-ac96-774b-bcce-b302099a805%37", string(anOrder) + "%00",
		string(anOrder)[:23] + "a" + string(anOrder)[24:], string(anOrder)[:35] + "g",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			wantProblem(t, a.ask(t, method, "/v1/sales/s/orders/"+id, "", bearer(token(t, "alice"))), buyerapi.OrderUnknown)
		}
	}
	if got := s.orders.calls.Load(); got != 0 {
		t.Errorf("got %d calls of Orders, want none", got)
	}
}

func TestReadingAnOrder(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"finds the store unavailable":                    sale.ErrUnavailable,
		"leaves nothing unknown when its answer is lost": sale.ErrUnknown,
		"finds the store unavailable whatever is wrong":  errors.New("a bug"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := (&site{orders: orders{
				order: func(sale.OrderID) (sale.Order, error) { return sale.Order{}, err },
				mine:  func(sale.Buyer) (sale.Order, error) { return sale.Order{}, err },
			}}).serve(t)
			wantProblem(t, a.ask(t, "GET", theOrder, "", bearer(token(t, "alice"))), buyerapi.StoreUnavailable)
			wantProblem(t, a.ask(t, "GET", "/v1/sales/s/orders/mine", "", bearer(token(t, "alice"))), buyerapi.StoreUnavailable)
		})
	}
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	t.Run("ends the hold", func(t *testing.T) {
		t.Parallel()
		a := keeping(sale.StateHeld).serve(t).ask(t, "DELETE", theOrder, "", bearer(token(t, "alice")))
		if got := a.document(t)["state"]; a.StatusCode != http.StatusOK || got != "cancelled" {
			t.Errorf("got %s, state %v, want 200, cancelled", a.Status, got)
		}
		wantPrivate(t, a, buyerapi.OK)
	})
	t.Run("does not end a paid order", func(t *testing.T) {
		t.Parallel()
		a := keeping(sale.StatePaid).serve(t).ask(t, "DELETE", theOrder, "", bearer(token(t, "alice")))
		if got, want := wantProblem(t, a, buyerapi.NotCancellable)["reason"], "order is paid"; got != want {
			t.Errorf("got reason %v, want %v", got, want)
		}
	})
	for name, c := range map[string]struct {
		err  error
		want buyerapi.Answer
	}{
		"finds the store unavailable":         {sale.ErrUnavailable, buyerapi.StoreUnavailable},
		"is unknown when its answer was lost": {sale.ErrUnknown, buyerapi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{orders: orders{cancel: func(sale.OrderID, sale.Buyer) (sale.Order, sale.Reading, error) {
				return sale.Order{}, sale.Reading{}, c.err
			}}}
			wantProblem(t, s.serve(t).ask(t, "DELETE", theOrder, "", bearer(token(t, "alice"))), c.want)
		})
	}
}

// The script that cancels returns what it left, so the node sells it at once.
func TestACancelledHoldEndsTheSoldOutLease(t *testing.T) {
	t.Parallel()
	var back atomic.Bool
	returned := func() sale.Reading {
		r := reading(1)
		r.Stock = 2
		return r
	}
	s := &site{
		store: store{read: func(id sale.ID) (sale.Sale, sale.Reading, error) {
			if back.Load() {
				return definition(id), returned(), nil
			}
			return definition(id), reading(0), nil
		}},
		orders: orders{cancel: func(sale.OrderID, sale.Buyer) (sale.Order, sale.Reading, error) {
			back.Store(true)
			return sale.Order{ID: anOrder, Buyer: "alice", Quantity: 1, State: sale.StateCancelled}, returned(), nil
		}},
	}
	s.store.refill = func(q int) (sale.Grant, error) {
		return sale.Grant{Reading: returned(), Result: sale.Granted, Tickets: int64(q)}, nil
	}
	a := s.serve(t)
	wantProblem(t, a.buy(t), buyerapi.SoldOut)
	a.ask(t, "DELETE", theOrder, "", bearer(token(t, "alice")))
	if got := a.buy(t); got.StatusCode != http.StatusCreated {
		t.Errorf("got %s %s, want 201 with the returned ticket", got.Status, got.body)
	}
}
