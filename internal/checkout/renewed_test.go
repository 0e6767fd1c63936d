package checkout_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// In a planned failover the old master went on to answer a node after the sale had been
// reconciled: 18 acknowledged holds were in no record, and the sale sold their tickets again.
func TestHoldsThatAReconciliationMissedHaveItMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var lookups int
		var gone []sale.OrderID
		var fails error
		redis := &store{missing: func(orders []sale.OrderID) ([]sale.OrderID, error) {
			mu.Lock()
			defer mu.Unlock()
			lookups++
			return slices.DeleteFunc(slices.Clone(orders), func(o sale.OrderID) bool { return !slices.Contains(gone, o) }), fails
		}}
		answers := func(err error, missing ...sale.OrderID) {
			mu.Lock()
			defer mu.Unlock()
			lookups, gone, fails = 0, missing, err
		}
		s := start(t, redis, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d, _ := s.Seller("s")
		acknowledge(d, 0, 3) // in epoch 1
		shut := 0
		calls := func(what string, looked, shuts int) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			before := shut
			if shut = redis.count("shut s"); lookups != looked || shut-before != shuts {
				t.Errorf("%s: got %d lookups and %d times shut, want %d and %d", what, lookups, shut-before, looked, shuts)
			}
		}
		calls("before", 0, 0)
		s.Reconciled("s", 2)
		acknowledge(d, 3, 4) // an answer that was under way
		answers(nil, "3")
		calls("one is missing", 1, 1)
		answers(nil, "3")
		s.Reconciled("s", 3)
		calls("it was asked for since", 1, 0)
		answers(nil)
		acknowledge(d, 4, 5)
		s.Reconciled("s", 4)
		calls("all are there", 1, 0)
		answers(sale.ErrUnavailable)
		s.Reconciled("s", 5)
		time.Sleep(3 * time.Second)
		answers(nil, "4")
		calls("once Redis answers", 1, 1)
	})
}
