package board

import (
	"time"

	"onsale/internal/sale"
)

// followed is what is known of one sale, beside its last survey.
type followed struct {
	events   timeline
	moved    time.Time // when its stock changed last
	counters sale.Counters
	closed   bool
	lost     string
	phase    sale.Phase
	drawn    bool
	history  *history // nil: it was surveyed once, as cold sales are
}

// history is what surveys of a hot sale come to.
type history struct {
	curve  curve
	recent [recent]sold
	count  int // of what is in recent, which is a ring
}

// recent surveys tell how fast a sale sells: those of some three seconds.
const recent = 16

type sold struct {
	at      sale.Instant
	tickets int64
}

func newFollowed(v sale.Survey) *followed {
	s := &followed{events: timeline{most: saleEvents}}
	s.differences(v)
	return s
}

// differences are what happened since the last survey. The state is the new one afterwards.
func (s *followed) differences(v sale.Survey) (events []Event) {
	was := *s
	s.counters, s.closed, s.lost, s.phase = v.Counters, v.Sale.Closed, v.Lost, v.Sale.WindowAt(v.Reading.At)
	s.drawn = v.Reading.Line != nil && v.Reading.Line.Over
	if s.phase != was.phase {
		switch s.phase {
		case sale.PhaseOnSale:
			events = append(events, Event{Kind: Opened})
		case sale.PhaseClosed:
			events = append(events, Event{Kind: Closed})
		}
	}
	if d := s.counters.Total - was.counters.Total; d != 0 {
		events = append(events, Event{Kind: Restocked, Tickets: d})
	}
	switch remaining := s.counters.Remaining; {
	case remaining == 0 && was.counters.Remaining > 0:
		events = append(events, Event{Kind: SoldOut})
	case remaining > 0 && was.counters.Remaining == 0 && s.counters.Total == was.counters.Total:
		events = append(events, Event{Kind: Returned, Tickets: remaining})
	}
	if s.drawn && !was.drawn && v.Sale.DrawAt != 0 {
		events = append(events, Event{Kind: Drawn})
	}
	switch {
	case s.lost != "" && was.lost == "":
		events = append(events, Event{Kind: Shut, Reason: s.lost})
	case s.lost == "" && was.lost != "":
		events = append(events, Event{Kind: Reconciled})
	}
	return events
}

// take adds a survey to the history.
func (s *followed) take(now time.Time, v sale.Survey) {
	h := s.history
	h.curve.add(now, v.Counters)
	last := sold{v.Reading.At, v.Counters.Held + v.Counters.Paid}
	if h.count > 0 {
		if before := h.recent[(h.count-1)%recent]; before.tickets != last.tickets {
			s.moved = now
		} else if last.at <= before.at { // the same moment twice, or Redis's clock was set
			return
		}
	}
	h.recent[h.count%recent] = last
	h.count++
}

// rate is how many tickets a second were sold lately, by Redis's time. Tickets that come back make it negative.
func (s *followed) rate() float64 {
	h := s.history
	if h == nil || h.count < 2 {
		return 0
	}
	first, last := h.recent[max(0, h.count-recent)%recent], h.recent[(h.count-1)%recent]
	passed := last.at.Sub(first.at)
	if passed <= 0 {
		return 0
	}
	return float64(last.tickets-first.tickets) / passed.Seconds()
}
