package ledger

import (
	"context"
	"slices"

	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// worldRecord is a ledger that does nothing but apply events.
type worldRecord struct {
	found   bool
	records sale.Records
	chain   sale.Chain
}

func (r worldRecord) clone() worldRecord {
	r.records = r.records.Clone()
	return r
}

// lose loses some of what somebody has.
func (w *world) lose() {
	kind := oneOf(w, "loss", "tail", "back", "entries", "empty", "database", "node")
	switch kind {
	case "tail":
		w.back(max(0, len(w.saves)-3))
	case "back":
		w.back(0)
	case "entries":
		if w.redis == nil || len(w.redis.stream()) == 0 {
			return
		}
		for range rapid.IntRange(1, 2).Draw(w.t, "entries") {
			if s := w.redis.stream(); len(s) > 0 {
				w.redis.torn[rapid.SampledFrom(s).Draw(w.t, "entry").Mark] = true
			}
		}
	case "empty":
		w.redis, w.saves = nil, nil
	case "database":
		i := rapid.IntRange(0, len(w.backups)-1).Draw(w.t, "backup")
		w.backups = w.backups[:i+1]
		w.ledger = w.backups[i].clone()
	case "node":
		w.nodes = slices.Delete(w.nodes, 0, 1)
		w.addNode()
	}
	w.count("loss: %s", kind)
}

// back brings Redis back to an earlier state. What was after it is lost for good.
func (w *world) back(least int) {
	if len(w.saves) == 0 {
		return
	}
	w.backTo(rapid.IntRange(least, len(w.saves)-1).Draw(w.t, "save"))
}

func (w *world) backTo(i int) {
	w.saves = w.saves[:i+1]
	w.redis = w.saves[i].clone()
}

// read has a reader take the stream into the ledger. It may stop between any two steps.
func (w *world) read(crashes bool) error {
	limit := oneOf(w, "page", 1, 2, 3, 32, 32)
	stops := func(step string) bool {
		if crashes && oneOf(w, "reader stops", false, false, false, false, false, false, true) {
			w.count("reader stops after %s", step)
			return true
		}
		return false
	}
	for {
		if w.redis == nil {
			if w.ledger.found {
				return lostf("Redis does not have the sale")
			}
			return nil
		}
		p, _ := w.Page(context.Background(), "s", "", limit)
		more, err := w.record(p, len(p.Events) < limit)
		if err != nil {
			w.redis.Shut(err.Error())
			w.count("reader finds a loss")
			return err
		}
		if stops("commit") {
			return nil
		}
		if p.Read < w.ledger.chain.Seq {
			if err := w.redis.Forget(w.ledger.chain); err != nil {
				return err
			}
			w.saves = append(w.saves, w.redis.clone())
		}
		if !more {
			w.wantRecorded()
			return nil
		}
		if stops("forget") {
			return nil
		}
	}
}

// record commits a page, and reports whether there may be more.
func (w *world) record(p sale.Page, whole bool) (more bool, err error) {
	chain := w.ledger.chain
	if !w.ledger.found {
		if chain, err = first(p); err != nil {
			return false, err
		}
	}
	fresh, to, err := follow(chain, p, whole)
	if err != nil || len(fresh) == 0 {
		return len(p.Events) > 0 && !whole, err
	}
	for _, e := range fresh {
		w.ledger.records.Apply(e)
	}
	if _, was := w.acknowledged[to.Mark]; !was {
		w.t.Fatalf("the ledger goes on to %+v, which never was", to)
	}
	w.ledger.chain, w.ledger.found = to, true
	w.backups = append(w.backups, w.ledger.clone())
	return true, nil
}
