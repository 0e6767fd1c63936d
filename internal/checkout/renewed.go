package checkout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// A reconciliation asks each node once what it remembers. Until a node hears of the
// promotion, an old master may go on to answer it: what that grants after the question is
// in no record. So each node looks itself whether its holds are there afterwards.

// verifyAfter is how long after a sale's reconciliation was seen a node looks: by then each
// call that an old master has answered is remembered, or is being sent again.
const verifyAfter = time.Second

// renewals are the sales that were reconciled, until this node has looked.
type renewals struct {
	mu    sync.Mutex
	sales map[sale.ID]*renewal
	// shut are the holds for which this node had a sale shut: they were asked for since, and
	// one that is missing even so has ended. Only verify uses it.
	shut map[sale.OrderID]bool
}

type renewal struct {
	epoch int64
	at    time.Time
	holds map[sale.OrderID]bool // of earlier epochs
}

// Reconciled notes that a sale is in a later epoch than it was. It is called before a reading of
// that epoch is observed, while nothing is forgotten of the sale.
func (s *Shop) Reconciled(id sale.ID, epoch int64) {
	holds := s.earlier(id, epoch)
	s.renewed.mu.Lock()
	defer s.renewed.mu.Unlock()
	if before := s.renewed.sales[id]; before != nil {
		maps.Copy(holds, before.holds)
	}
	if s.renewed.sales == nil {
		s.renewed.sales = map[sale.ID]*renewal{}
	}
	s.renewed.sales[id] = &renewal{epoch, time.Now(), holds}
}

// earlier are the holds that this node remembers from before an epoch.
func (s *Shop) earlier(id sale.ID, epoch int64) map[sale.OrderID]bool {
	holds := map[sale.OrderID]bool{}
	for _, r := range s.Remembered(id) {
		if r.Mark.Epoch < epoch {
			holds[r.Order.ID] = true
		}
	}
	return holds
}

// verify has a sale reconciled again that lacks holds which this node acknowledged.
func (s *Shop) verify(ctx context.Context) {
	s.renewed.mu.Lock()
	due := map[sale.ID]*renewal{}
	for id, r := range s.renewed.sales {
		if time.Since(r.at) >= verifyAfter {
			due[id] = r
		}
	}
	s.renewed.mu.Unlock()
	for id, r := range due {
		if err := s.verifySale(ctx, id, r); err != nil {
			s.log.Debug("can't tell yet whether a reconciled sale has all holds", zap.String("sale", string(id)), zap.Error(err))
			continue // the next poll tries again
		}
		s.renewed.mu.Lock()
		if s.renewed.sales[id] == r { // or it was reconciled once more
			delete(s.renewed.sales, id)
		}
		s.renewed.mu.Unlock()
	}
}

func (s *Shop) verifySale(ctx context.Context, id sale.ID, r *renewal) error {
	holds := s.earlier(id, r.epoch)
	maps.Copy(holds, r.holds)
	maps.DeleteFunc(holds, func(o sale.OrderID, _ bool) bool { return s.renewed.shut[o] })
	missing, err := s.store.Missing(ctx, id, slices.Sorted(maps.Keys(holds)))
	if err != nil || len(missing) == 0 {
		return err
	}
	s.log.Error("holds that this node acknowledged are missing since the sale was reconciled; it is shut and reconciled again",
		zap.String("sale", string(id)), zap.Int("holds", len(missing)))
	err = s.store.Shut(ctx, id, fmt.Sprintf("%d holds that a node acknowledged are missing since it was reconciled", len(missing)))
	if errors.Is(err, sale.ErrNoSale) {
		return nil // it is lost anew, and will be in a later epoch
	}
	if err != nil {
		return err
	}
	if s.renewed.shut == nil || len(s.renewed.shut) > maxRemembered {
		s.renewed.shut = map[sale.OrderID]bool{}
	}
	for _, o := range missing {
		s.renewed.shut[o] = true
	}
	return nil
}
