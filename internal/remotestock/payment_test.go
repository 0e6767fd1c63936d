package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// payment is what a provider reports: so much for the order.
func payment(id string, order sale.OrderID, amount int64) sale.Payment {
	return sale.Payment{ID: sale.PaymentID(id), Message: sale.MessageID("msg_" + id), Order: order, Amount: amount, Currency: "EUR"}
}

// held sells one ticket to each of so many buyers.
func held(t testing.TB, s *remotestock.Store, id sale.ID, buyers int) []sale.Claim {
	t.Helper()
	claims := make([]sale.Claim, buyers)
	for i := range claims {
		claims[i] = claim(fmt.Sprint("buyer-", i), 1)
	}
	for from := 0; from < buyers; from += 500 {
		batch := claims[from:min(buyers, from+500)]
		got, err := s.Committer(id, watcher{}, remotestock.DefaultCommitConfig()).DecideBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got {
			if d.Outcome != sale.Held {
				t.Fatalf("got %v, want held", d.Outcome)
			}
		}
	}
	return claims
}

func TestPaymentEndsWaiting(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("pay", 5))
	c := held(t, s, "pay", 1)[0]
	got, reading, err := s.Pay(ctx, "pay", 0, payment("p1", c.Order, 4200))
	if err != nil || got.Order.State != sale.StatePaid || got.Payment.State != sale.PaymentApplied || got.Replayed {
		t.Fatalf("got %+v, %v, want a paid order", got, err)
	}
	if reading.Remaining != 4 {
		t.Errorf("got %d remaining, want 4: a payment returns no stock", reading.Remaining)
	}
	if n := client.ZCard(ctx, remotestock.Keys("pay")[4]).Val(); n != 0 {
		t.Errorf("got %d deadlines, want none", n)
	}
	if _, _, err := s.Cancel(ctx, "pay", 0, c.Order, c.Buyer); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("cancel of a paid order: got %v, want a conflict", err)
	}
	snapshot := wantClean(t, s, "pay")
	if want := (sale.Counters{Total: 5, Remaining: 4, Paid: 1}); snapshot.Counters != want {
		t.Errorf("got the books %+v, want %+v", snapshot.Counters, want)
	}
}

// TestMoneyThatBuysNothingIsDue: whatever is paid late, twice or wrongly is
// kept as a refund that is due, and changes neither order nor stock.
func TestMoneyThatBuysNothingIsDue(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("due", 5))
	c := held(t, s, "due", 4)
	if _, _, err := s.Pay(ctx, "due", 0, payment("p0", c[0].Order, 4200)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Cancel(ctx, "due", 0, c[1].Order, c[1].Buyer); err != nil {
		t.Fatal(err)
	}
	makeOverdue(t, client, "due", c[2].Order)
	if ended, _, _, err := s.Expire(ctx, "due", 0, 10); ended != 1 || err != nil {
		t.Fatalf("got %d expired, %v, want 1", ended, err)
	}
	usd := payment("p5", c[3].Order, 4200)
	usd.Currency = "USD"
	before := wantClean(t, s, "due")
	for name, want := range map[string]struct {
		payment sale.Payment
		reason  sale.Reason
	}{
		"paid twice":             {payment("p1", c[0].Order, 4200), sale.ReasonDoubled},
		"after a cancel":         {payment("p2", c[1].Order, 4200), sale.ReasonLate},
		"after the expiry":       {payment("p3", c[2].Order, 4200), sale.ReasonLate},
		"another amount":         {payment("p4", c[3].Order, 4199), sale.ReasonAmount},
		"another currency":       {usd, sale.ReasonAmount},
		"late and wrong is late": {payment("p6", c[1].Order, 1), sale.ReasonLate},
	} {
		t.Run(name, func(t *testing.T) {
			for _, replayed := range []bool{false, true} {
				got, _, err := s.Pay(ctx, "due", 0, want.payment)
				if err != nil || got.Payment.State != sale.PaymentDue || got.Payment.Reason != want.reason || got.Replayed != replayed {
					t.Errorf("got %+v, %v, want due because %s, replayed %v", got, err, want.reason, replayed)
				}
			}
		})
	}
	after := wantClean(t, s, "due")
	if after.Counters != before.Counters {
		t.Errorf("got the books %+v, want %+v as before", after.Counters, before.Counters)
	}
	if diff := cmp.Diff(before.Orders, after.Orders); diff != "" {
		t.Errorf("orders changed (-before +after):\n%s", diff)
	}
	if len(after.Payments) != 7 {
		t.Errorf("got %d payments, want 7", len(after.Payments))
	}
}

func TestPaymentUnderAUsedNameIsRefused(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("names", 5))
	c := held(t, s, "names", 2)
	if _, _, err := s.Pay(ctx, "names", 0, payment("p1", c[0].Order, 4200)); err != nil {
		t.Fatal(err)
	}
	message := payment("p2", c[1].Order, 4200)
	message.Message = "msg_p1"
	before := dump(t, client)
	for name, p := range map[string]sale.Payment{
		"another order":              payment("p1", c[1].Order, 4200),
		"another amount":             payment("p1", c[0].Order, 4201),
		"a message's second payment": message,
	} {
		if got, _, err := s.Pay(ctx, "names", 0, p); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %+v, %v, want a conflict", name, got, err)
		}
	}
	wantUnchanged(t, client, before)
}

// TestMoneyForAnUnknownOrderIsDue: it was answered with 404, and left no trace.
func TestMoneyForAnUnknownOrderIsDue(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("orphan", 5))
	for name, order := range map[string]sale.OrderID{"p1": "0192f0c1-0000-7000-8000-000000000000", "p2": "no-order-of-ours"} {
		p := payment(name, order, 4200)
		for _, replayed := range []bool{false, true} {
			got, _, err := s.Pay(ctx, "orphan", 0, p)
			if err != nil || got.Order != (sale.Order{}) || got.Replayed != replayed || got.Payment.Order != order ||
				got.Payment.State != sale.PaymentDue || got.Payment.Reason != sale.ReasonOrphan {
				t.Errorf("%s: got %+v, %v, want it due as an orphan, replayed %v", order, got, err, replayed)
			}
		}
	}
	if got := wantClean(t, s, "orphan"); len(got.Payments) != 2 || got.Counters.Remaining != 5 {
		t.Errorf("got %d payments and the books %+v, want 2 and nothing sold", len(got.Payments), got.Counters)
	}
	if p, err := s.Settle(ctx, "orphan", "p1"); err != nil || p.State != sale.PaymentSettled {
		t.Errorf("got %+v, %v, want it settled", p, err)
	}
}

func TestRefundReturnsStockAndSettles(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("refund", 1))
	c := held(t, s, "refund", 1)[0]
	if _, err := s.Refund(ctx, "refund", c.Order); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("refund of a hold: got %v, want a conflict", err)
	}
	if _, _, err := s.Pay(ctx, "refund", 0, payment("p1", c.Order, 4200)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Settle(ctx, "refund", "p1"); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("settling what is not due: got %v, want a conflict", err)
	}
	_, before, err := s.Read(ctx, "refund", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, replayed := range []bool{false, true} {
		got, err := s.Refund(ctx, "refund", c.Order)
		if err != nil || got.Order.State != sale.StateRefunded || got.Payment.ID != "p1" || got.Payment.State != sale.PaymentDue || got.Replayed != replayed {
			t.Fatalf("got %+v, %v, want a refunded order, replayed %v", got, err, replayed)
		}
	}
	_, after, err := s.Read(ctx, "refund", 0)
	if err != nil || after.Remaining != 1 || after.Stock <= before.Stock {
		t.Errorf("got %+v, %v, want 1 remaining and a newer stock generation than %d", after, err, before.Stock)
	}
	if got, _, err := s.Pay(ctx, "refund", 0, payment("p2", c.Order, 4200)); err != nil || got.Order.State != sale.StateRefunded || got.Payment.Reason != sale.ReasonLate {
		t.Errorf("paying a refunded order: got %+v, %v, want a late payment", got, err)
	}
	for range 2 {
		if p, err := s.Settle(ctx, "refund", "p1"); err != nil || p.State != sale.PaymentSettled || p.Reason != sale.ReasonRefunded {
			t.Errorf("got %+v, %v, want it settled", p, err)
		}
	}
	again := claim(string(c.Buyer), 1)
	if d, err := committer(t, s, "refund").Decide(again); err != nil || d.Outcome != sale.Held {
		t.Errorf("the same buyer again: got %+v, %v, want a new hold", d, err)
	}
	wantClean(t, s, "refund")
}

// TestExpiryRacesPayment: 10,000 holds whose deadline passes while they are
// paid. Each has one outcome, its stock returns if and only if it expired, and
// a payment that lost is due.
func TestExpiryRacesPayment(t *testing.T) {
	const holds = 10_000
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	open(t, s, newSale("race", holds))
	claims := held(t, s, "race", holds)
	for _, c := range claims {
		makeOverdue(t, client, "race", c.Order)
	}
	var paid, due, expired atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			// From the end, as expire comes from the beginning.
			for i := holds - 1 - worker; i >= 0; i -= 8 {
				got, _, err := s.Pay(ctx, "race", 0, payment(fmt.Sprint("p", i), claims[i].Order, 4200))
				switch {
				case err != nil:
					t.Error(err)
				case got.Order.State == sale.StatePaid && got.Payment.State == sale.PaymentApplied:
					paid.Add(1)
				case got.Order.State == sale.StateExpired && got.Payment.Reason == sale.ReasonLate:
					due.Add(1)
				default:
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for more := true; more; {
				ended, again, _, err := s.Expire(ctx, "race", 0, 7)
				if err != nil {
					t.Error(err)
				}
				expired.Add(int64(ended))
				more = again
			}
		})
	}
	group.Wait()
	if paid.Load() == 0 || expired.Load() == 0 || paid.Load()+expired.Load() != holds || due.Load() != expired.Load() {
		t.Errorf("got %d paid, %d expired, %d due, want %d in all and a payment due for each that expired",
			paid.Load(), expired.Load(), due.Load(), holds)
	}
	want := sale.Counters{Total: holds, Remaining: expired.Load(), Paid: paid.Load()}
	if got := wantClean(t, s, "race").Counters; got != want {
		t.Errorf("got the books %+v, want %+v", got, want)
	}
}
