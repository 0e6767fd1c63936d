package ledger

import (
	"fmt"

	"onsale/internal/sale"
)

// lostError is why Redis and the record can't both be right. The sale is shut then, and
// has to be reconciled.
type lostError struct{ reason string }

func (e lostError) Error() string { return e.reason }

// Is makes it a [sale.ErrLost].
func (e lostError) Is(target error) bool { return target == sale.ErrLost }

func lostf(format string, args ...any) error { return lostError{fmt.Sprintf(format, args...)} }

// follow checks that a page continues a record, and returns which of its events are new and
// how far the record goes with them. whole means that the page reaches the stream's end. The
// error is a [sale.ErrLost].
//
// The entry with the record's last number must have its last link: it is deleted last, so a
// repetition is known as one. Otherwise the page begins with the next number, upon the last
// link; and a whole page ends where the sale does.
func follow(last sale.Chain, p sale.Page, whole bool) (fresh []sale.Event, to sale.Chain, err error) {
	to = last
	switch {
	case p.Lost != "":
		return nil, to, lostf("%s", p.Lost)
	case p.Chain.Life != last.Life && last.Life == "":
		return nil, to, lostf("the ledger recorded the sale with an earlier version, and Redis has a newer one")
	case p.Chain.Life != last.Life:
		return nil, to, lostf("the sale was opened a second time: the ledger has another life of it")
	}
	for _, e := range p.Events {
		switch {
		case e.Mark.Epoch == to.Epoch && e.Mark.Seq < to.Seq && len(fresh) == 0: // repeated
			continue
		case e.Mark.Epoch == to.Epoch && e.Mark.Seq == to.Seq && len(fresh) == 0:
			if e.Mark.Link != to.Link {
				return nil, to, lostf("event %d is another than the ledger has recorded", e.Mark.Seq)
			}
			continue
		case e.Mark.Epoch != to.Epoch || e.Mark.Seq != to.Seq+1:
			return nil, to, lostf("the ledger has event %d of epoch %d, the stream goes on with %d of %d",
				to.Seq, to.Epoch, e.Mark.Seq, e.Mark.Epoch)
		}
		next := to.Mark.Next(e.Covered)
		if next.Link != e.Mark.Link {
			return nil, to, lostf("event %d does not follow upon the one before it", e.Mark.Seq)
		}
		to.Mark = next
		fresh = append(fresh, e)
	}
	if whole && p.Chain.Mark != to.Mark {
		return nil, to, lostf("the ledger with the stream has event %d of epoch %d, Redis is at %d of %d",
			to.Seq, to.Epoch, p.Chain.Seq, p.Chain.Epoch)
	}
	return fresh, to, nil
}

// first is the chain of a sale that the ledger does not know, before its first event. The
// stream must be whole: the record of a sale begins with its opening.
func first(p sale.Page) (sale.Chain, error) {
	if p.Lost != "" {
		return sale.Chain{}, lostf("%s", p.Lost)
	}
	if len(p.Events) == 0 || p.Events[0].Opened == nil || p.Events[0].Mark.Seq != 1 {
		return sale.Chain{}, lostf("the ledger does not know the sale, and its stream does not begin with the opening")
	}
	return sale.Chain{Life: p.Chain.Life, Mark: sale.Mark{Epoch: p.Events[0].Mark.Epoch, Link: p.Chain.Life}}, nil
}
