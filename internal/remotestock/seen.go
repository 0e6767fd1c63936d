package remotestock

import (
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// seen is the highest mark of a sale's chain that this process has seen. It goes
// out with every call: a Redis that has lost what somebody has seen is noticed by
// the next call of anybody, and shuts the sale.
type seen struct {
	id   sale.ID
	keys []string
	mark atomic.Pointer[marked]
	life atomic.Pointer[string]    // of the sale, as it was read last
	full atomic.Pointer[time.Time] // until when claims are refused unsent: Redis had no memory for one
	time clock
	lost atomic.Bool // the sale was shut at the last call, so that this is logged once
}

// marked is a mark and its text, which goes out with each call.
type marked struct {
	sale.Mark
	text string
}

func (s *Store) seen(id sale.ID) *seen {
	if v, ok := s.marks.Load(id); ok {
		return v.(*seen)
	}
	v, _ := s.marks.LoadOrStore(id, &seen{id: id, keys: s.config.Prefix.Sale(id).All})
	return v.(*seen)
}

// Seen is the highest mark of the sale that this process has seen; the zero Mark
// before the first.
func (s *Store) Seen(id sale.ID) sale.Mark {
	if m := s.seen(id).mark.Load(); m != nil {
		return m.Mark
	}
	return sale.Mark{}
}

// Life is the sale's life as this process read it last, see [sale.Chain]; empty before.
func (s *Store) Life(id sale.ID) string {
	if l := s.seen(id).life.Load(); l != nil {
		return *l
	}
	return ""
}

// text is the mark as scripts read it; it is empty before the first.
func (s *seen) text() string {
	if m := s.mark.Load(); m != nil {
		return m.text
	}
	return ""
}

// epoch is the latest that this process has seen, 0 before the first.
func (s *seen) epoch() int64 {
	if m := s.mark.Load(); m != nil {
		return m.Epoch
	}
	return 0
}

// raise takes a mark, and reports whether it did. Replies overtake each other: a lower one is no news.
func (s *seen) raise(m sale.Mark) bool {
	for {
		old := s.mark.Load()
		if old != nil && !old.Before(m) {
			return false
		}
		text := strconv.FormatInt(m.Epoch, 10) + " " + strconv.FormatInt(m.Seq, 10) + " " + m.Link
		if s.mark.CompareAndSwap(old, &marked{m, text}) {
			return true
		}
	}
}

// follow logs that a sale is shut, and that it is not any more, once each. Some scripts
// reject every call for a sale that is shut, others read it and reply why it is.
func (s *Store) follow(seen *seen, why string, err error) {
	switch lost := isLost(err) || why != ""; {
	case lost && seen.lost.CompareAndSwap(false, true):
		s.log.Error("the sale has lost data and is shut; reconcile it",
			zap.String("sale", string(seen.id)), zap.String("reason", why), zap.Error(err))
	case err == nil && !lost && seen.lost.CompareAndSwap(true, false):
		s.log.Info("the sale is no longer shut", zap.String("sale", string(seen.id)))
	default:
		return
	}
	if s.hooks.Lost != nil {
		s.hooks.Lost(seen.id, seen.lost.Load())
	}
}

// isLost reports whether Redis refused because the sale has to be reconciled first: it
// has lost data, or was written by another version.
func isLost(err error) bool { return hasCode(err, "LOST") || hasCode(err, "LAYOUT") }
