package buyerapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

const anOrder = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8057")

// decides is a remote that always returns the same.
func decides(d sale.Decision, err error) remote {
	return func(sale.Claim) (sale.Decision, error) { return d, err }
}

// reads is a store with one definition and reading.
func reads(change func(*sale.Sale, *sale.Reading)) store {
	return store{read: func(id sale.ID) (sale.Sale, sale.Reading, error) {
		d, r := definition(id), planned(10)
		change(&d, &r)
		return d, r, nil
	}}
}

// dry is a store without a plan, whose refills all return the same.
func dry(g sale.Grant, err error) store {
	s := reads(func(_ *sale.Sale, r *sale.Reading) { r.Allotment = sale.Allotment{} })
	s.refill = func(int) (sale.Grant, error) { return g, err }
	return s
}

func TestAPurchase(t *testing.T) {
	t.Parallel()
	held := sale.Order{ID: anOrder, Buyer: "alice", Quantity: 1, State: sale.StateHeld, Created: noon, Expires: noon.Add(time.Minute)}
	for name, c := range map[string]struct {
		site    *site
		want    buyerapi.Answer
		members map[string]any // beside those that every problem has
	}{
		"is refused while the stock is sold out": {site: soldOut(), want: buyerapi.SoldOut,
			members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
		"is refused as sold out when Redis answers so": {site: &site{remote: decides(sale.Decision{Outcome: sale.SoldOut}, nil)},
			want: buyerapi.SoldOut, members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
		"is refused with what remains": {site: &site{remote: decides(sale.Decision{Outcome: sale.NotEnough, Remaining: 7}, nil)},
			want: buyerapi.NotEnough, members: map[string]any{"remaining": json.Number("7")}},
		"is refused with the order that there is": {site: &site{remote: decides(sale.Decision{Outcome: sale.AlreadyOrdered, Order: held}, nil)},
			want: buyerapi.AlreadyOrdered, members: map[string]any{"order": string(anOrder), "mine": "/v1/sales/s/orders/mine"}},
		"is refused in a closed sale": {site: &site{store: reads(func(s *sale.Sale, _ *sale.Reading) { s.Closed = true })}, want: buyerapi.Closed},
		"is refused after the window": {site: &site{store: reads(func(s *sale.Sale, _ *sale.Reading) { s.Closes = noon })}, want: buyerapi.Closed},
		"is refused when Redis finds the sale closed": {site: &site{remote: decides(sale.Decision{Outcome: sale.Closed}, nil)},
			want: buyerapi.Closed},
		"is refused to who let too many holds lapse": {site: &site{remote: decides(sale.Decision{Outcome: sale.HoldLimit}, nil)},
			want: buyerapi.HoldLimit},
		"is busy when Redis saw it too late": {site: &site{remote: decides(sale.Decision{Outcome: sale.Late}, nil)}, want: buyerapi.Busy},
		"is busy when a dry node gets nothing in time": {site: &site{store: dry(sale.Grant{Reading: reading(1000), Result: sale.Granted}, nil)},
			want: buyerapi.Busy},
		"finds the store unavailable when a refill fails": {site: &site{store: dry(sale.Grant{}, sale.ErrUnavailable)},
			want: buyerapi.StoreUnavailable},
		"finds the store unavailable when nobody knows whether a refill ran": {site: &site{store: dry(sale.Grant{}, sale.ErrUnknown)},
			want: buyerapi.StoreUnavailable},
		"finds the store unavailable when Redis lost the sale": {
			site: &site{remote: decides(sale.Decision{}, fmt.Errorf("%w (%w)", sale.ErrNoSale, sale.ErrUnavailable))}, want: buyerapi.StoreUnavailable},
		"finds the store unavailable when the claim was never sent": {site: &site{remote: decides(sale.Decision{}, sale.ErrUnavailable)},
			want: buyerapi.StoreUnavailable},
		"is unknown when the answer was lost": {site: &site{remote: decides(sale.Decision{}, sale.ErrUnknown)},
			want: buyerapi.OutcomeUnknown, members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
		"is unknown whatever else went wrong": {site: &site{remote: decides(sale.Decision{}, errors.New("a bug"))},
			want: buyerapi.OutcomeUnknown, members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
		"is unknown when nothing was decided": {site: &site{remote: decides(sale.Decision{}, nil)},
			want: buyerapi.OutcomeUnknown, members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.site.serve(t).buy(t)
			got := wantProblem(t, a, c.want)
			for _, standard := range []string{"type", "title", "status", "code", "detail"} {
				delete(got, standard)
			}
			if c.members == nil {
				c.members = map[string]any{}
			}
			if diff := cmp.Diff(c.members, got); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPurchaseMakesAHold(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t).ask(t, "POST", "/v1/sales/s/orders", `{"quantity":3}`, bearer(token(t, "alice")))
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("got %s %s, want 201", a.Status, a.body)
	}
	wantPrivate(t, a, buyerapi.Created)
	wantHeader(t, a, "Content-Type", "application/json")
	wantHeader(t, a, "Idempotent-Replayed", "")
	got := a.document(t)
	wantHeader(t, a, "Location", fmt.Sprintf("/v1/sales/s/orders/%v", got["id"]))
	delete(got, "id")
	want := map[string]any{
		"sale": "s", "state": "held", "quantity": json.Number("3"), "amount": json.Number("14850"), "currency": "EUR",
		"created_at": "2042-05-01T12:00:00Z", "expires_at": "2042-05-01T12:01:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestTheSamePurchaseAgainIsReplayed(t *testing.T) {
	t.Parallel()
	first := sale.Order{ID: anOrder, Buyer: "alice", Quantity: 1, State: sale.StatePaid}
	a := (&site{remote: decides(sale.Decision{Outcome: sale.Replayed, Order: first}, nil)}).serve(t).buy(t)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("got %s %s, want 200", a.Status, a.body)
	}
	wantPrivate(t, a, buyerapi.Replayed)
	wantHeader(t, a, "Idempotent-Replayed", "true")
	wantHeader(t, a, "Location", "/v1/sales/s/orders/"+string(anOrder))
	if got := a.document(t)["state"]; got != "paid" {
		t.Errorf("got state %v, want paid", got)
	}
}

func TestASaleThatIsNotOpenAnswersWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{time.Minute, time.Minute + time.Millisecond, 90*time.Minute + 999*time.Millisecond} {
		opens := noon.Add(ahead)
		a := (&site{store: reads(func(s *sale.Sale, _ *sale.Reading) { s.Opens, s.Closes = opens, 0 })}).serve(t).buy(t)
		d := wantProblem(t, a, buyerapi.NotOpen)
		if want := opens.Time().Format(time.RFC3339Nano); d["opens_at"] != want {
			t.Errorf("got opens_at %v, want %s", d["opens_at"], want)
		}
		now, err := time.Parse(time.RFC3339Nano, fmt.Sprint(d["server_time"]))
		if err != nil || now.Before(noon.Time()) || now.After(opens.Time()) {
			t.Errorf("got server_time %v, want Redis time", d["server_time"])
		}
		// Whole seconds: who waits so long finds it open, and not for long.
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		back := now.Add(time.Duration(wait) * time.Second).Sub(opens.Time())
		if err != nil || back < 0 || back >= time.Second {
			t.Errorf("got Retry-After %q, %v after opening, want less than a second after", a.Header.Get("Retry-After"), back)
		}
	}
}

func TestSoldOutIsAnsweredWithoutLookingAtTheToken(t *testing.T) {
	t.Parallel()
	a := soldOut().serve(t)
	for name, header := range map[string][]string{
		"without a token":        nil,
		"with a broken token":    {bearer("x")},
		"with another's cookies": {"Cookie: session=1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.ask(t, "POST", "/v1/sales/s/orders", "not even JSON", header...)
			wantProblem(t, got, buyerapi.SoldOut)
			if diff := cmp.Diff(string(soldOutBody), string(got.body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNobodyBuysMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	var claims atomic.Int64
	s := &site{remote: func(c sale.Claim) (sale.Decision, error) {
		claims.Add(1)
		return sale.Decision{Outcome: sale.Held, Order: orderOf(c)}, nil
	}}
	a := s.serve(t)
	got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":5}`, bearer(token(t, "alice")))
	if d := wantProblem(t, got, buyerapi.QuantityLimit); d["limit"] != json.Number("4") {
		t.Errorf("got limit %v, want 4", d["limit"])
	}
	if claims.Load() != 0 {
		t.Errorf("got %d claims, want none", claims.Load())
	}
	if got := a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":4}`, bearer(token(t, "alice"))); got.StatusCode != http.StatusCreated {
		t.Errorf("got %s for as much as the limit, want 201", got.Status)
	}
}

// A node that had not reached Redis answered that there is no such sale.
func TestANodeThatKnowsNothingDoesNotDenyASale(t *testing.T) {
	t.Parallel()
	a := (&site{away: true}).serve(t)
	wantProblem(t, a.buy(t), buyerapi.StoreUnavailable)
	wantProblem(t, a.ask(t, "GET", "/v1/sales/s", ""), buyerapi.StoreUnavailable)
}

func TestEveryAnswerIsCountedOnceAtItsEndpoint(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got, timed := map[string]int{}, 0
	s := &site{hooks: buyerapi.Hooks{Answered: func(e buyerapi.Endpoint, a buyerapi.Answer, read time.Time) {
		mu.Lock()
		defer mu.Unlock()
		got[e.String()+" "+a.String()]++
		if time.Since(read) < time.Minute {
			timed++
		}
	}}}
	a, alice := s.serve(t), bearer(token(t, "alice"))
	a.buy(t)
	a.ask(t, "POST", "/v1/sales/s/orders", `{}`, alice)
	a.ask(t, "GET", "/v1/sales/s", "")
	a.ask(t, "PUT", "/v1/sales/s", "")
	a.ask(t, "GET", "/v1/sales/s/orders/x", "", alice)
	a.ask(t, "DELETE", "/v1/sales/s/orders/x", "", alice)
	a.ask(t, "POST", "/v1/sales/none/orders", `{}`)
	a.ask(t, "GET", "/", "")
	a.dial(t).send(t, "GET", "no HTTP\r\n\r\n")
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int{
		"place-order created": 1, "place-order invalid-request": 1, "place-order sale-unknown": 1,
		"show-sale ok": 1, "show-order order-unknown": 1, "cancel-order order-unknown": 1,
		"other method-not-allowed": 1, "other not-found": 1, "other bad-request": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if timed != 8 {
		t.Errorf("got %d answers timed, want all but that to what could not be read", timed)
	}
}

func TestAnswersEndInOneOfThreeWays(t *testing.T) {
	t.Parallel()
	for a, want := range map[buyerapi.Answer]buyerapi.Outcome{
		buyerapi.Created: buyerapi.Succeeded, buyerapi.Replayed: buyerapi.Succeeded, buyerapi.RefundDue: buyerapi.Succeeded,
		buyerapi.SoldOut: buyerapi.Refused, buyerapi.Unauthorized: buyerapi.Refused,
		buyerapi.Busy: buyerapi.Failed, buyerapi.StoreUnavailable: buyerapi.Failed,
	} {
		if got := a.Outcome(); got != want {
			t.Errorf("%v: got %v, want %v", a, got, want)
		}
	}
}
