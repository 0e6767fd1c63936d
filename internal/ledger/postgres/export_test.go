package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func TestEachOrderHasItsMoney(t *testing.T) {
	s, id := sold(t)
	ctx := context.Background()
	state := func(p sale.Payment, state sale.PaymentState, reason sale.Reason) sale.Payment {
		p.State, p.Reason = state, reason
		return p
	}
	part := func(p sale.Payment, name sale.PaymentID, amount int64, is sale.PaymentState) sale.Payment {
		p.ID, p.Of, p.Amount, p.State, p.Reason = name, p.ID, amount, is, sale.ReasonPartial
		return p
	}
	held, paid, refunded, parted := newOrder("held", start+1), newOrder("paid", start+2), newOrder("refunded", start+3), newOrder("parted", start+4)
	pay := func(o sale.Order, name string) sale.Payment { return newPayment(o, name, start+10) }
	amount := pay(paid, "p").Amount
	foreign := state(pay(parted, "pay_foreign"), sale.PaymentDue, sale.ReasonAmount)
	foreign.Currency = "XTS"
	commit(t, s, id, entry(20, held, in(paid, sale.StatePaid), in(refunded, sale.StateRefunded), in(parted, sale.StatePaid)), sale.Event{ID: "21-0", At: start + 21, Payments: []sale.Payment{
		pay(paid, "pay_1"), state(pay(paid, "pay_2"), sale.PaymentSettled, sale.ReasonDoubled),
		state(pay(refunded, "pay_3"), sale.PaymentDue, sale.ReasonRefunded), part(pay(refunded, "pay_3"), "re_1", 100, sale.PaymentSettled),
		pay(parted, "pay_4"), part(pay(parted, "pay_4"), "re_2", 30, sale.PaymentDue), foreign,
	}})
	other := newID()
	commit(t, s, other, opened(newSale(other, 5)), entry(1, newOrder("another sale's", start)))

	got := map[sale.Buyer]OrderRow{}
	if err := s.EachOrder(ctx, id, func(r OrderRow) error {
		if _, twice := got[r.Buyer]; twice {
			t.Errorf("got the order of %s twice", r.Buyer)
		}
		got[r.Buyer] = r
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	row := func(o sale.Order, state sale.State, payment sale.PaymentID, received, due, returned int64) OrderRow {
		r := OrderRow{Order: in(o, state), Changed: start + 20, Payment: payment, Received: received, Due: due, Returned: returned, Currency: pay(o, "p").Currency}
		if payment != "" {
			r.PaidAt = start + 10
		}
		return r
	}
	want := map[sale.Buyer]OrderRow{
		held.Buyer: row(held, sale.StateHeld, "", 0, 0, 0), paid.Buyer: row(paid, sale.StatePaid, "pay_1", 2*amount, 0, amount),
		refunded.Buyer: row(refunded, sale.StateRefunded, "pay_3", amount, amount-100, 100), parted.Buyer: row(parted, sale.StatePaid, "pay_4", amount, 30, 0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("and is taken one by one", func(t *testing.T) {
		enough, taken := errors.New("enough"), 0
		var before sale.OrderID
		err := s.EachOrder(ctx, id, func(r OrderRow) error {
			if taken++; r.ID < before {
				t.Errorf("got %s after %s", r.ID, before)
			}
			if before = r.ID; taken == 2 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || taken != 2 {
			t.Errorf("got %v after %d, want the second one's error", err, taken)
		}
	})
	if err := s.EachOrder(ctx, newID(), nil); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
}
