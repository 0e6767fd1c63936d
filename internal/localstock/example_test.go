package localstock_test

import (
	"context"
	"fmt"
	"time"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

// A plan gives this node three tickets and one of buffer. Local hits go on to
// Redis; a request that Redis refuses hands its ticket back; and once Redis has
// answered that nothing remains, nobody asks it for a second.
func Example() {
	redis := sourceFunc(func(context.Context, sale.Generation, int) (sale.Grant, error) {
		return sale.Grant{}, sale.ErrUnavailable
	})
	stock := localstock.New(redis, localstock.DefaultConfig(), localstock.Hooks{})
	stock.Observe(sale.Reading{
		Sent: time.Now(), Remaining: 40, Stock: 1, Plan: 1,
		Allotment: sale.Allotment{Generation: 1, Slice: 3, Buffer: 1},
	})

	taken, _, ok := stock.Acquire(context.Background(), 4)
	slice, buffer := stock.Level()
	fmt.Println("local hit:", ok, "left:", slice, buffer)

	stock.HandBack(taken)
	slice, buffer = stock.Level()
	fmt.Println("handed back, left:", slice, buffer)

	stock.Observe(sale.Reading{Sent: time.Now(), Remaining: 0, Stock: 1, Plan: 1})
	_, refusal, _ := stock.Acquire(context.Background(), 1)
	fmt.Println("then:", refusal.Outcome)
	// Output:
	// local hit: true left: 0 0
	// handed back, left: 3 1
	// then: sold-out
}
