package buyerapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// receives takes each payment for two tickets in the same way.
func receives(state sale.PaymentState, reason sale.Reason, replayed bool, order sale.State) pays {
	return func(_ sale.ID, _ sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
		p.State, p.Reason, p.At = state, reason, noon.Add(1500*time.Millisecond)
		o := sale.Order{ID: p.Order, Buyer: "alice", Quantity: 2, State: order, Created: noon, Expires: noon.Add(time.Minute)}
		return sale.Receipt{Order: o, Payment: p, Replayed: replayed}, reading(1000), nil
	}
}

// receipt is the document that tells what the store of [receives] did.
func receipt(outcome, reason string, order sale.State) map[string]any {
	d := map[string]any{
		"outcome": outcome, "payment": "pay_1", "received_at": "2042-05-01T12:00:01.5Z",
		"order": map[string]any{
			"id": string(anOrder), "sale": "s", "state": string(order), "quantity": json.Number("2"), "amount": json.Number("9900"),
			"currency": "EUR", "created_at": "2042-05-01T12:00:00Z", "expires_at": "2042-05-01T12:01:00Z",
		},
	}
	if reason != "" {
		d["reason"] = reason
	}
	return d
}

func TestAPaymentPaysItsOrder(t *testing.T) {
	t.Parallel()
	type call struct {
		ID      sale.ID
		Known   sale.Generation
		Payment sale.Payment
	}
	asked := make(chan call, 1)
	s := hears(receives(sale.PaymentApplied, "", false, sale.StatePaid))
	pay := s.orders.pay
	s.orders.pay = func(id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
		asked <- call{id, known, p}
		return pay(id, known, p)
	}
	got := s.serve(t).tell(t, signed(ours, paying))
	if diff := cmp.Diff(receipt("paid", "", sale.StatePaid), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
	}
	wantHeader(t, got, "Content-Type", "application/json")
	wantHeader(t, got, "Cache-Control", "no-store")
	wantHeader(t, got, "Idempotent-Replayed", "")
	wantPrivate(t, got, buyerapi.Paid)
	// What the provider can't know, its state and reason, is left to the store.
	want := call{"s", 1, sale.Payment{ID: "pay_1", Message: "msg_1", Order: anOrder, Amount: 9900, Currency: "EUR"}}
	close(asked)
	found := <-asked
	if found.Payment.At < noon {
		t.Errorf("got the time %d, want Redis time", found.Payment.At)
	}
	found.Payment.At = 0
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("asked of the store (-want +got):\n%s", diff)
	}
	if n := s.orders.calls.Load(); n != 1 {
		t.Errorf("got %d calls of Orders, want 1", n)
	}
}

func TestAPaymentToldAgainIsReplayed(t *testing.T) {
	t.Parallel()
	got := hears(receives(sale.PaymentApplied, "", true, sale.StatePaid)).serve(t).tell(t, signed(ours, paying))
	if diff := cmp.Diff(receipt("paid", "", sale.StatePaid), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
	}
	wantHeader(t, got, "Idempotent-Replayed", "true")
	wantPrivate(t, got, buyerapi.Paid)
}

// A provider that had no good answer would tell of such money for days.
func TestMoneyThatBuysNothingIsDueToGoBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  sale.PaymentState
		reason sale.Reason
		order  sale.State
	}{
		"it came after the hold had expired":   {sale.PaymentDue, sale.ReasonLate, sale.StateExpired},
		"it came after the hold was cancelled": {sale.PaymentDue, sale.ReasonLate, sale.StateCancelled},
		"another payment had paid":             {sale.PaymentDue, sale.ReasonDoubled, sale.StatePaid},
		"it is not what the order costs":       {sale.PaymentDue, sale.ReasonAmount, sale.StateHeld},
		"the order was refunded since":         {sale.PaymentDue, sale.ReasonRefunded, sale.StateRefunded},
		"the money has gone back already":      {sale.PaymentSettled, sale.ReasonLate, sale.StateExpired},
	} {
		for _, replayed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, replayed %v", name, replayed), func(t *testing.T) {
				t.Parallel()
				core, logged := observer.New(zap.InfoLevel)
				s := hears(receives(c.state, c.reason, replayed, c.order))
				s.log = zap.New(core)
				got := s.serve(t).tell(t, signed(ours, paying))
				if diff := cmp.Diff(receipt("refund-due", string(c.reason), c.order), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
					t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
				}
				wantPrivate(t, got, buyerapi.RefundDue)
				lines, want := logged.FilterMessage("a refund is due").FilterField(zap.String("reason", string(c.reason))).Len(), 1
				header := ""
				if replayed {
					header, want = "true", 0 // once is enough for the log
				}
				wantHeader(t, got, "Idempotent-Replayed", header)
				if lines != want {
					t.Errorf("got %d lines logged of it, want %d", lines, want)
				}
			})
		}
	}
}

func TestAMessageOfAnotherTypeIsIgnored(t *testing.T) {
	t.Parallel()
	s := hears(receives(sale.PaymentApplied, "", false, sale.StatePaid))
	a := s.serve(t)
	for _, body := range []string{
		`{"type":"payment.failed","data":{"payment":"pay_1"}}`, `{"type":"payment.succeeded.test"}`, `{"type":"Payment.Succeeded"}`,
		strings.Replace(paying, "payment.succeeded", "payment.refunded", 1), `{"type":"x","data":{"sale":"another"}}`,
	} {
		got := a.tell(t, signed(ours, body))
		if diff := cmp.Diff(map[string]any{"outcome": "ignored"}, got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%s: got %s (-want +got):\n%s", body, got.Status, diff)
		}
		wantHeader(t, got, "Cache-Control", "no-store")
		wantPrivate(t, got, buyerapi.Ignored)
		// Whoever has no secret learns nothing by the type either.
		wantProblem(t, a.tell(t, signed(foreign, body)), buyerapi.WebhookSignature)
	}
	s.wantUnasked(t)
}

func TestAPaymentFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		want   buyerapi.Answer
		reason any
	}{
		"told before and otherwise":       {sale.Conflict("told before"), buyerapi.PaymentConflict, "told before"},
		"while the store is unavailable":  {fmt.Errorf("resolve: %w", sale.ErrUnavailable), buyerapi.StoreUnavailable, nil},
		"while the sale is shut":          {sale.Lost("resolve", errors.New("LOST")), buyerapi.StoreUnavailable, nil},
		"where the store lost the sale":   {fmt.Errorf("%w (%w)", sale.ErrNoSale, sale.ErrUnavailable), buyerapi.StoreUnavailable, nil},
		"unknown when its answer is lost": {fmt.Errorf("resolve: %w", sale.ErrUnknown), buyerapi.PaymentUnknown, nil},
		"unknown whatever else is wrong":  {errors.New("a bug"), buyerapi.PaymentUnknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hears(func(sale.ID, sale.Generation, sale.Payment) (sale.Receipt, sale.Reading, error) {
				return sale.Receipt{}, sale.Reading{}, c.err
			})
			got := s.serve(t).tell(t, signed(ours, paying))
			if reason := wantProblem(t, got, c.want)["reason"]; reason != c.reason {
				t.Errorf("got reason %v, want %v", reason, c.reason)
			}
			wantHeader(t, got, "Idempotent-Replayed", "")
			if n := s.orders.calls.Load(); n != 1 {
				t.Errorf("got %d calls of Orders, want 1: the provider is who tries again", n)
			}
		})
	}
}

// The script that takes a payment says what is left, so the node knows at once.
func TestAPaymentTellsTheNodeOfTheStock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want buyerapi.Answer
	}{
		"when it pays":            {nil, buyerapi.Paid},
		"when it changes nothing": {sale.ErrConflict, buyerapi.PaymentConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var gone atomic.Bool
			s := hears(receives(sale.PaymentApplied, "", false, sale.StatePaid))
			s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
				if gone.Load() {
					return sale.Sale{}, sale.Reading{}, sale.ErrUnavailable // so that no poll tells it
				}
				return definition(id), planned(10), nil
			}
			pay := s.orders.pay
			s.orders.pay = func(id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
				gone.Store(true)
				receipt, _, _ := pay(id, known, p)
				return receipt, reading(0), c.err
			}
			a := s.serve(t)
			if got := a.tell(t, signed(ours, paying)); got.StatusCode != c.want.Status() {
				t.Fatalf("got %s %s, want %v", got.Status, got.body, c.want)
			}
			wantProblem(t, a.buy(t), buyerapi.SoldOut)
		})
	}
}

func TestAMessageIsCountedOnce(t *testing.T) {
	t.Parallel()
	var answers [buyerapi.Answers]atomic.Int64
	s := hears(func(id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
		if p.Amount == 1 {
			return receives(sale.PaymentDue, sale.ReasonAmount, false, sale.StateHeld)(id, known, p)
		}
		return receives(sale.PaymentApplied, "", false, sale.StatePaid)(id, known, p)
	})
	s.hooks = buyerapi.Hooks{
		Answered: func(a buyerapi.Answer) { answers[a].Add(1) },
		Bought: func(a buyerapi.Answer, _ time.Duration) {
			t.Errorf("got a purchase timed, %v, want none: nobody bought", a)
		},
	}
	a := s.serve(t)
	a.tell(t, signed(ours, paying))
	a.tell(t, signed(ours, strings.Replace(paying, "9900", "1", 1)))
	a.tell(t, signed(foreign, paying))
	a.tell(t, signed(ours, `{"type":"x"}`))
	got := map[string]int64{}
	for i := range answers {
		if n := answers[i].Load(); n > 0 {
			got[buyerapi.Answer(i).String()] = n
		}
	}
	if diff := cmp.Diff(map[string]int64{"paid": 1, "refund-due": 1, "webhook-signature": 1, "ignored": 1}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
