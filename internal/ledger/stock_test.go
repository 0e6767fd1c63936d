package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// stock is the recovery's view of redis: what it restores replaces the sale's records.
type stock struct {
	*redis
	id       sale.ID
	restored []sale.Records
	// meanwhile, if set, runs ahead of each Restore.
	meanwhile func()
}

func (s *stock) Sale(_ context.Context, id sale.ID) (d sale.Sale, err error) {
	s.with(func() {
		if err = sale.ErrNoSale; s.records[id] != nil {
			d, err = s.records[id].Sale, nil
		}
	})
	return d, err
}

func (s *stock) SetClosed(_ context.Context, id sale.ID, closed bool) error {
	if d, err := s.Sale(context.Background(), id); err != nil || d.Closed == closed {
		return err
	}
	s.tell(id, sale.Event{Closed: &closed})
	return nil
}

func (s *stock) Restore(_ context.Context, id sale.ID, r sale.Records) (err error) {
	if s.meanwhile != nil {
		s.meanwhile()
	}
	s.with(func() {
		if len(s.streams[id]) > 0 {
			err = sale.ErrStale
			return
		}
		r = r.Clone()
		s.restored, s.records[id] = append(s.restored, r), &r
	})
	return err
}

// damaged is a closed sale of which the ledger has half and the stream the other half.
func damaged(t *testing.T) (*stock, *Store, member) {
	t.Helper()
	r, id, m := alone()
	s := openStore(t, server.URL())
	o := r.hold(id)
	r.hold(id)
	commit(t, s, id, r.streams[id]...)
	r.with(func() { r.streams[id] = nil })
	paid := in(o, sale.StatePaid)
	r.tell(id, sale.Event{Orders: []sale.Order{paid}, Payments: []sale.Payment{newPayment(paid, "pay_1", start)}})
	k := &stock{redis: r, id: id}
	if err := k.SetClosed(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	return k, s, m
}

func (s *stock) recover(t *testing.T, store *Store, m member, o RecoverOptions) (Report, []string, error) {
	t.Helper()
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	var said []string
	report, err := Recover(t.Context(), s, store, s, m.holds(quick())(s.id, func(error) {}), s.id, quick(), o, func(step string) { said = append(said, step) })
	if held := s.holders()["a"]; len(held) != 0 {
		t.Errorf("got leases %v afterwards, want none", held)
	}
	return report, said, err
}

// wantRestored: Redis was restored from all that ever happened, and is closed.
func (s *stock) wantRestored(t *testing.T, want sale.Records) {
	t.Helper()
	if len(s.restored) == 0 {
		t.Fatal("got nothing restored, want the book")
	}
	if diff := cmp.Diff(want, s.restored[len(s.restored)-1]); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	if !want.Sale.Closed {
		t.Error("got the sale open, want it closed")
	}
}
