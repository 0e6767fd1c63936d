package allocator

import (
	"context"

	"onsale/internal/membership"
	"onsale/internal/sale"
)

// relay passes gossip's one signal on to several readers.
type relay struct {
	gossip  *membership.Gossip
	readers []*reader
}

type reader struct {
	gossip  *membership.Gossip
	changed chan struct{}
}

func newRelay(g *membership.Gossip) *relay { return &relay{gossip: g} }

// reader adds one; before run.
func (r *relay) reader() *reader {
	n := &reader{gossip: r.gossip, changed: make(chan struct{}, 1)}
	r.readers = append(r.readers, n)
	return n
}

func (r *relay) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.gossip.Changed():
		}
		for _, n := range r.readers {
			select {
			case n.changed <- struct{}{}:
			default: // a signal is waiting already, and covers this one
			}
		}
	}
}

// View is the gossip view.
func (r *reader) View() sale.View { return r.gossip.View() }

// Changed is this reader's own signal.
func (r *reader) Changed() <-chan struct{} { return r.changed }
