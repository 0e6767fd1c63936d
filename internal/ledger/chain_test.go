package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// chained is a sale with its opening and so many holds more; prefix makes its events its own.
func chained(prefix string, holds int) ledgertest.History {
	return more(ledgertest.NewHistory("demo"), prefix, holds)
}

func more(h ledgertest.History, prefix string, holds int) ledgertest.History {
	for range holds {
		h.Hold(sale.OrderID(fmt.Sprint(prefix, len(h.Events()))))
	}
	return h
}

func pageOf(h ledgertest.History, from, to int) sale.Page {
	return sale.Page{Chain: h.Chain(), Events: h.Events()[from:to]}
}

// TestFollow distinguishes what continues a record from what contradicts it.
func TestFollow(t *testing.T) {
	k := chained("a", 5) // six events
	fork := more(chained("a", 2), "b", 3)
	base := sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 2, Seq: 6, Link: "life"}}
	reconciled := ledgertest.History{Sale: k.Clone()}
	reconciled.Adopt(k.Records(), base, "fence")
	secondLife := pageOf(k, 0, 6)
	secondLife.Chain.Life = "another"
	shut := pageOf(k, 3, 6)
	shut.Lost = "a node has seen event 9"
	torn := pageOf(k, 3, 6)
	torn.Events[1].Covered = "another"
	swapped := pageOf(k, 3, 6)
	swapped.Events[0], swapped.Events[1] = swapped.Events[1], swapped.Events[0]
	doubled := pageOf(k, 3, 6)
	doubled.Events = slices.Insert(doubled.Events, 1, doubled.Events[0])
	withGap := pageOf(k, 3, 6)
	withGap.Events = slices.Delete(withGap.Events, 1, 2)

	for _, c := range []struct {
		name  string
		last  sale.Chain
		page  sale.Page
		part  bool // more of the stream may follow
		fresh int  // events
		to    sale.Chain
		lost  string
	}{
		{name: "all from the opening", last: k.At(0), page: pageOf(k, 0, 6), fresh: 6, to: k.At(6)},
		{name: "the next ones", last: k.At(3), page: pageOf(k, 3, 6), fresh: 3, to: k.At(6)},
		{name: "a first part", last: k.At(3), page: pageOf(k, 3, 5), part: true, fresh: 2, to: k.At(5)},
		{name: "nothing new", last: k.At(6), page: pageOf(k, 6, 6), to: k.At(6)},
		{name: "a repetition", last: k.At(6), page: pageOf(k, 2, 6), to: k.At(6)},
		{name: "a repetition, and new ones", last: k.At(4), page: pageOf(k, 2, 6), fresh: 2, to: k.At(6)},
		{name: "a repetition of the last alone", last: k.At(6), page: pageOf(k, 5, 6), to: k.At(6)},
		{name: "a first part that is a repetition", last: k.At(6), page: pageOf(k, 0, 3), part: true, to: k.At(6)},
		{name: "a new epoch after its reconciliation", last: base, page: pageOf(reconciled, 0, 1), fresh: 1, to: reconciled.Chain()},

		{name: "repeated with another link", last: k.At(4), page: pageOf(fork, 2, 6), lost: "event 4 is another"},
		{name: "a fork under the same number", last: k.At(6), page: pageOf(fork, 6, 6), lost: "Redis is at 6 of 1"},
		{name: "a fork that goes on", last: k.At(4), page: pageOf(fork, 4, 6), lost: "event 5 does not follow"},
		{name: "a gap", last: k.At(2), page: pageOf(k, 3, 6), lost: "the ledger has event 2 of epoch 1, the stream goes on with 4"},
		{name: "a gap within", last: k.At(3), page: withGap, lost: "event 4 of epoch 1, the stream goes on with 6"},
		{name: "swapped", last: k.At(3), page: swapped, lost: "goes on with 5"},
		{name: "twice", last: k.At(3), page: doubled, lost: "event 4 of epoch 1, the stream goes on with 4"},
		{name: "another content under its link", last: k.At(3), page: torn, lost: "event 5 does not follow"},
		{name: "events lost at the end", last: k.At(3), page: pageOf(k, 3, 5), lost: "the ledger with the stream has event 5 of epoch 1, Redis is at 6"},
		{name: "all events lost", last: k.At(3), page: pageOf(k, 6, 6), lost: "has event 3 of epoch 1, Redis is at 6"},
		{name: "Redis behind", last: k.At(6), page: pageOf(chained("a", 3), 4, 4), lost: "has event 6 of epoch 1, Redis is at 4"},
		{name: "Redis behind, with a stream", last: k.At(6), page: pageOf(chained("a", 3), 2, 4), lost: "has event 6 of epoch 1, Redis is at 4"},
		{name: "a second life", last: k.At(6), page: secondLife, lost: "opened a second time"},
		{name: "an older ledger", last: sale.Chain{}, page: pageOf(k, 6, 6), lost: "an earlier version"},
		{name: "an epoch that the ledger did not begin", last: k.At(6), page: pageOf(reconciled, 0, 1), lost: "the stream goes on with 7 of 2"},
		{name: "an epoch that Redis did not begin", last: base, page: pageOf(k, 3, 6), lost: "of epoch 2, the stream goes on with 4 of 1"},
		{name: "an epoch that Redis did not begin, without a stream", last: base, page: pageOf(k, 6, 6), lost: "event 6 of epoch 2, Redis is at 6 of 1"},
		{name: "shut", last: k.At(3), page: shut, lost: "a node has seen event 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fresh, to, err := follow(c.last, c.page, !c.part)
			if c.lost != "" {
				if !errors.Is(err, sale.ErrLost) || !strings.Contains(err.Error(), c.lost) {
					t.Errorf("got %v, want a loss: %q", err, c.lost)
				}
				return
			}
			if err != nil || len(fresh) != c.fresh || to != c.to {
				t.Errorf("got %d events to %v (%v), want %d to %v", len(fresh), to, err, c.fresh, c.to)
			}
		})
	}
}

func TestFirstIsTheOpening(t *testing.T) {
	k := chained("a", 3)
	noOpening := pageOf(k, 0, 4)
	noOpening.Events[0].Opened = nil
	shut := pageOf(k, 0, 4)
	shut.Lost = "shut"
	if got, err := first(pageOf(k, 0, 2)); err != nil || got != k.At(0) {
		t.Errorf("got %v (%v), want %v", got, err, k.At(0))
	}
	for name, p := range map[string]sale.Page{
		"nothing": pageOf(k, 4, 4), "a later one": pageOf(k, 1, 4), "no opening": noOpening, "shut": shut,
	} {
		if _, err := first(p); !errors.Is(err, sale.ErrLost) {
			t.Errorf("%s: got %v, want a loss", name, err)
		}
	}
}
