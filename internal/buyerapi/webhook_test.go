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
	"onsale/internal/sale/model"
)

// receipt is the document of what became of pay_1, at noon.
func receipt(outcome, reason string, order sale.State) map[string]any {
	d := map[string]any{
		"outcome": outcome, "payment": "pay_1", "received_at": "2042-05-01T12:00:00Z",
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
	s := payable()
	s.orders.pay = func(id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
		asked <- call{id, known, p}
		return s.orders.take(id, known, p)
	}
	got := s.serve(t).post(t, signed(ours, paying))
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

func TestAPaymentReportedAgainIsReplayed(t *testing.T) {
	t.Parallel()
	got := payable().with(func(m *model.Sale) { payFor(m, "pay_1", 9900) }).serve(t).post(t, signed(ours, paying))
	if diff := cmp.Diff(receipt("paid", "", sale.StatePaid), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
	}
	wantHeader(t, got, "Idempotent-Replayed", "true")
	wantPrivate(t, got, buyerapi.Paid)
}

// A provider that was refused would send such a message for days.
func TestMoneyThatBuysNothingIsDueToGoBack(t *testing.T) {
	t.Parallel()
	refund := func(m *model.Sale) { _, err := m.Refund(anOrder); must(err) }
	for name, c := range map[string]struct {
		order  sale.State // before
		change func(*model.Sale)
		body   string // of the message; empty: paying
		reason sale.Reason
		is     sale.State // of the order, afterwards
		known  bool       // the message came before
	}{
		"it came after the hold had expired":   {order: sale.StateExpired, reason: sale.ReasonLate, is: sale.StateExpired},
		"it came after the hold was cancelled": {order: sale.StateCancelled, reason: sale.ReasonLate, is: sale.StateCancelled},
		"another payment had paid":             {order: sale.StatePaid, reason: sale.ReasonDoubled, is: sale.StatePaid},
		"it is not what the order costs":       {order: sale.StateHeld, body: strings.Replace(paying, "9900", "1", 1), reason: sale.ReasonAmount, is: sale.StateHeld},
		"the order was refunded since": {order: sale.StateHeld, change: func(m *model.Sale) {
			payFor(m, "pay_1", 9900)
			refund(m)
		}, reason: sale.ReasonRefunded, is: sale.StateRefunded, known: true},
		"the money has gone back already": {order: sale.StateExpired, change: func(m *model.Sale) {
			payFor(m, "pay_1", 9900)
			_, err := m.Settle("pay_1")
			must(err)
		}, reason: sale.ReasonLate, is: sale.StateExpired, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logged := observer.New(zap.InfoLevel)
			s := keeping(c.order)
			s.secrets, s.log = payable().secrets, zap.New(core)
			if c.change != nil {
				s.with(c.change)
			}
			a, lines, body := s.serve(t), 0, paying
			if c.body != "" {
				body = c.body
			}
			for _, replayed := range []bool{c.known, true} {
				got := a.post(t, signed(ours, body))
				if diff := cmp.Diff(receipt("refund-due", string(c.reason), c.is), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
					t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
				}
				wantPrivate(t, got, buyerapi.RefundDue)
				header := "true"
				if !replayed { // once is enough for the log
					header, lines = "", 1
				}
				wantHeader(t, got, "Idempotent-Replayed", header)
				if n := logged.FilterMessage("a refund is due").FilterField(zap.String("reason", string(c.reason))).Len(); n != lines {
					t.Errorf("got %d lines logged of it, want %d", n, lines)
				}
			}
		})
	}
}

func TestAMessageOfAnotherTypeIsIgnored(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	for _, body := range []string{
		`{"type":"payment.failed","data":{"payment":"pay_1"}}`, `{"type":"payment.succeeded.test"}`, `{"type":"Payment.Succeeded"}`,
		strings.Replace(paying, "payment.succeeded", "payment.captured", 1), `{"type":"x","data":{"sale":"another"}}`,
	} {
		got := a.post(t, signed(ours, body))
		if diff := cmp.Diff(map[string]any{"outcome": "ignored"}, got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%s: got %s (-want +got):\n%s", body, got.Status, diff)
		}
		wantHeader(t, got, "Cache-Control", "no-store")
		wantPrivate(t, got, buyerapi.Ignored)
		// A sender without a secret learns nothing by the type either.
		wantProblem(t, a.post(t, signed(foreign, body)), buyerapi.WebhookSignature)
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
		"came before and otherwise":       {sale.Conflict("came before"), buyerapi.PaymentConflict, "came before"},
		"while the store is unavailable":  {fmt.Errorf("resolve: %w", sale.ErrUnavailable), buyerapi.StoreUnavailable, nil},
		"while the sale is shut":          {sale.Lost("resolve", errors.New("LOST")), buyerapi.StoreUnavailable, nil},
		"where the store lost the sale":   {fmt.Errorf("%w (%w)", sale.ErrNoSale, sale.ErrUnavailable), buyerapi.StoreUnavailable, nil},
		"unknown when its answer is lost": {fmt.Errorf("resolve: %w", sale.ErrUnknown), buyerapi.PaymentUnknown, nil},
		"unknown whatever else is wrong":  {errors.New("a bug"), buyerapi.PaymentUnknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := paidBy(func(sale.ID, sale.Generation, sale.Payment) (sale.Receipt, sale.Reading, error) {
				return sale.Receipt{}, sale.Reading{}, c.err
			})
			got := s.serve(t).post(t, signed(ours, paying))
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

// The script that takes a payment returns what is left, so the node knows at once.
func TestAPaymentsReplyUpdatesTheNodesStock(t *testing.T) {
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
			s := payable()
			s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
				if gone.Load() {
					return sale.Sale{}, sale.Reading{}, sale.ErrUnavailable // so that no poll brings it
				}
				return definition(id), planned(10), nil
			}
			s.orders.pay = func(id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
				gone.Store(true)
				receipt, _, _ := s.orders.take(id, known, p)
				return receipt, reading(0), c.err
			}
			a := s.serve(t)
			if got := a.post(t, signed(ours, paying)); got.StatusCode != c.want.Status() {
				t.Fatalf("got %s %s, want %v", got.Status, got.body, c.want)
			}
			wantProblem(t, a.buy(t), buyerapi.SoldOut)
		})
	}
}

func TestAMessageIsCountedOnce(t *testing.T) {
	t.Parallel()
	var answers [buyerapi.Answers]atomic.Int64
	s := payable()
	s.hooks = buyerapi.Hooks{
		Answered: func(e buyerapi.Endpoint, a buyerapi.Answer, _ time.Time) {
			answers[a].Add(1)
			if e != buyerapi.Webhook {
				t.Errorf("%v: got endpoint %v, want the webhook", a, e)
			}
		},
	}
	a := s.serve(t)
	a.post(t, signed(ours, paying))
	once := strings.Replace(paying, "pay_1", "pay_2", 1)
	a.post(t, signedAs("msg_2", ours, once)) // the order is paid
	a.post(t, signed(foreign, paying))
	a.post(t, signed(ours, `{"type":"x"}`))
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
