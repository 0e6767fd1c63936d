package buyerapi_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// returning is a message that money of a payment went back, of this type and with this member.
func returning(kind, member string) string {
	return strings.Replace(strings.Replace(paying, "payment.succeeded", kind, 1), `"payment":"pay_1"`, `"payment":"pay_1","`+member+`":"back_1"`, 1)
}

// Refunds and disputes that a provider reported were ignored.
func TestMoneyThatWentBackIsRecorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, member string
		reason       sale.Reason
		disputes     int64
		line         string
	}{
		{"payment.refunded", "refund", sale.ReasonReturned, 0, "money went back"},
		{"payment.disputed", "dispute", sale.ReasonDisputed, 1, "a payment is disputed: its order stays as it is unless an operator refunds it"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			s := payable().with(func(m *model.Sale) { payFor(m, "pay_1", 9900) })
			core, logged := observer.New(zap.InfoLevel)
			var disputes atomic.Int64
			s.log, s.hooks.Disputed = zap.New(core), func() { disputes.Add(1) }
			a := s.serve(t)
			for _, header := range []string{"", "true"} { // and again
				got := a.post(t, signedAs("msg_2", ours, returning(c.kind, c.member)))
				want := receipt("recorded", string(c.reason), sale.StatePaid)
				want["part"] = "back_1"
				if diff := cmp.Diff(want, got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
					t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
				}
				wantPrivate(t, got, buyerapi.Recorded)
				wantHeader(t, got, "Idempotent-Replayed", header)
				if n := logged.FilterMessage(c.line).FilterField(zap.Int64("amount", 9900)).Len(); n != 1 || disputes.Load() != c.disputes {
					t.Errorf("got %d lines and %d disputes counted, want 1 and %d", n, disputes.Load(), c.disputes)
				}
			}
			part := sale.Payment{
				ID: "back_1", Of: "pay_1", Message: "msg_2", Order: anOrder, Amount: 9900, Currency: "EUR",
				State: sale.PaymentSettled, Reason: c.reason, At: noon,
			}
			var kept sale.Payment
			s.with(func(m *model.Sale) { kept = m.Records().Payments["back_1"] })
			if diff := cmp.Diff(part, kept); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

// Its provider reported that all of it went back before it reported that it came.
func TestAPaymentThatWentBackBeforeItWasReportedIsRecorded(t *testing.T) {
	t.Parallel()
	s := payable().with(func(m *model.Sale) {
		_, err := m.Pay(sale.Payment{
			ID: "back_1", Of: "pay_1", Message: "msg_0", Order: anOrder, Amount: 9900, Currency: "EUR", Reason: sale.ReasonReturned,
		})
		must(err)
	})
	got := s.serve(t).post(t, signed(ours, paying))
	if diff := cmp.Diff(receipt("recorded", "returned", sale.StateHeld), got.document(t)); got.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s, receipt (-want +got):\n%s", got.Status, diff)
	}
}
