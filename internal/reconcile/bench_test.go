package reconcile_test

import (
	"fmt"
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// BenchmarkMillion merges two forks of a million orders, half of them paid.
func BenchmarkMillion(b *testing.B) {
	const orders = 1_000_000
	redis, ledger := opened(orders), opened(orders).copy("l")
	redis.unknown()
	ledger.unknown()
	in := reconcile.Input{Redis: redis.side(), Ledger: ledger.side(), Now: later}
	for i := range orders {
		id := sale.OrderID(fmt.Sprintf("0190163d-8694-739b-aea5-%012x", i))
		o := sale.Order{ID: id, Buyer: sale.Buyer(id[24:]), Quantity: 1, State: sale.StateHeld, Created: noon, Expires: noon}
		if i%2 == 0 {
			o.State = sale.StatePaid
			p := sale.Payment{ID: sale.PaymentID(id), Message: "m", Order: id, Amount: 1000, Currency: "EUR", State: sale.PaymentApplied, At: noon}
			in.Redis.Records.Payments[p.ID], in.Ledger.Records.Payments[p.ID] = p, p
		}
		in.Redis.Records.Orders[id], in.Ledger.Records.Orders[id] = o, o
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reconcile.Make(in, reconcile.Decisions{}); err != nil {
			b.Fatal(err)
		}
	}
}
