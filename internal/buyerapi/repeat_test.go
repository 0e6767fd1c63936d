package buyerapi_test

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

const repeatKey = "Idempotency-Key: 7f3a"

// A holder who repeated his purchase got "sold out".
func TestAHolderWhoRepeatsHisPurchaseOnASoldOutSaleGetsHisOrder(t *testing.T) {
	t.Parallel()
	his := sale.Order{ID: anOrder, Buyer: "alice", Quantity: 1, State: sale.StatePaid}
	owns := func(s *site) *site {
		s.orders.mine = func(b sale.Buyer) (sale.Order, error) {
			if b != his.Buyer {
				return sale.Order{}, sale.ErrNoOrder
			}
			return his, nil
		}
		return s
	}
	away := func(s *site) *site {
		s.orders.mine = func(sale.Buyer) (sale.Order, error) { return sale.Order{}, sale.ErrUnavailable }
		return s
	}
	redis := func(o sale.Outcome) *site { return &site{remote: decides(sale.Decision{Outcome: o}, nil)} }
	alice, bob, key := bearer(token(t, "alice")), bearer(token(t, "bob")), repeatKey
	one, two := `{"quantity":1}`, `{"quantity":2}`
	for name, c := range map[string]struct {
		site    *site
		body    string
		headers []string
		want    buyerapi.Answer
		calls   int64 // to Redis
	}{
		"where the node knows it":                  {owns(soldOut()), one, []string{alice, key}, buyerapi.Replayed, 1},
		"where Redis is sold out":                  {owns(redis(sale.SoldOut)), one, []string{alice, key}, buyerapi.Replayed, 1},
		"where a few are left":                     {owns(redis(sale.NotEnough)), one, []string{alice, key}, buyerapi.Replayed, 1},
		"and not another quantity":                 {owns(soldOut()), two, []string{alice, key}, buyerapi.AlreadyOrdered, 1},
		"and nobody else does":                     {owns(soldOut()), one, []string{bob, key}, buyerapi.SoldOut, 1},
		"and does not get sold out without Redis":  {away(soldOut()), one, []string{alice, key}, buyerapi.OutcomeUnknown, 1},
		"and costs Redis nothing without a key":    {owns(soldOut()), one, []string{alice}, buyerapi.SoldOut, 0},
		"and costs Redis nothing without a token":  {owns(soldOut()), one, []string{key}, buyerapi.Unauthorized, 0},
		"and costs Redis nothing above the limit":  {owns(soldOut()), `{"quantity":99}`, []string{alice, key}, buyerapi.QuantityLimit, 0},
		"and an empty key is none":                 {owns(soldOut()), one, []string{alice, "Idempotency-Key: "}, buyerapi.SoldOut, 0},
		"and a client's mark of a retry is no key": {owns(soldOut()), one, []string{alice, "Onsale-Retried: 1"}, buyerapi.SoldOut, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.site.serve(t).ask(t, "POST", "/v1/sales/s/orders", c.body, c.headers...)
			if c.want == buyerapi.Replayed {
				if a.StatusCode != http.StatusOK {
					t.Fatalf("got %s %s, want 200", a.Status, a.body)
				}
				wantHeader(t, a, "Idempotent-Replayed", "true")
				wantHeader(t, a, "Location", "/v1/sales/s/orders/"+string(anOrder))
				if got := a.document(t)["id"]; got != string(anOrder) {
					t.Errorf("got order %v, want %v", got, anOrder)
				}
			} else if got := a.document(t)["code"]; got != c.want.String() {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.calls > 0 { // a look-up takes longer than a cache may add to
				wantHeader(t, a, "X-Accel-Expires", "")
			}
			if got := c.site.orders.calls.Load(); got != c.calls {
				t.Errorf("got %d look-ups of orders, want %d", got, c.calls)
			}
		})
	}
}

// Many buyers that send a key with every purchase must not become as many calls of Redis.
func TestFewRepeatedPurchasesAreLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	const places, buyers = 16, 40
	let := make(chan struct{})
	s := soldOut()
	s.orders.mine = func(sale.Buyer) (sale.Order, error) {
		<-let
		return sale.Order{}, sale.ErrNoOrder
	}
	a := s.serve(t)
	alice := bearer(token(t, "alice"))
	codes := make(chan any, buyers)
	var group sync.WaitGroup
	for range buyers {
		group.Go(func() {
			codes <- a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, alice, repeatKey).document(t)["code"]
		})
	}
	for range buyers - places { // those without a place are answered while the others wait
		if got := <-codes; got != buyerapi.OutcomeUnknown.String() {
			t.Errorf("got %v while all places are taken, want outcome-unknown", got)
		}
	}
	if got := s.orders.calls.Load(); got != places {
		t.Errorf("got %d look-ups at once, want %d", got, places)
	}
	close(let)
	group.Wait()
	for range places {
		if got := <-codes; got != buyerapi.SoldOut.String() {
			t.Errorf("got %v from a look-up that found nothing, want sold-out", got)
		}
	}
}

func TestAHalfClosedClientGetsItsAnswer(t *testing.T) {
	t.Parallel()
	c, err := net.Dial("tcp", string((&site{}).serve(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, raw("POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")))); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if want := "HTTP/1.1 201 "; err != nil || len(got) < len(want) || string(got[:len(want)]) != want {
		t.Errorf("got %q, %v, want %s", got, err, want)
	}
}
