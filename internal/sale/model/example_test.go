package model_test

import (
	"errors"
	"fmt"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// A fake Redis for a test: it sells, loses its last event, and notices.
func Example() {
	m := model.New(sale.Sale{ID: "s", Total: 2, Limit: 4, Price: 500, Currency: "EUR", HoldFor: 600_000_000_000}, "life", false)
	m.Now = 1_000
	earlier := m.Clone()
	got, _ := m.Decide([]sale.Claim{{Order: "o1", Buyer: "ann", Quantity: 2}, {Order: "o2", Buyer: "bob", Quantity: 1}}, false)
	fmt.Println(got[0].Outcome, got[1].Outcome, m.Counters().Remaining)

	seen := m.Chain().Mark
	m.GoBack(earlier)
	fmt.Println(m.Counters().Remaining, errors.Is(m.See(seen), sale.ErrLost))
	_, err := m.Cancel("o1", "ann")
	fmt.Println(errors.Is(err, sale.ErrLost))
	// Output:
	// held sold-out 0
	// 2 true
	// true
}
