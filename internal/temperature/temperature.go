// Package temperature decides which sales a process looks at, and how often. A shop has
// thousands of sales, of which few are asked for at a time: those are hot, and looked at every
// time. All others are cold, and looked at in turn, so many each time: what that costs does not
// grow with their number, only the time until each has had its turn.
//
// Correctness never depends on it: scripts decide, and a node reads a cold sale before it
// answers anything about it.
package temperature

import (
	"container/list"
	"time"

	"onsale/internal/sale"
)

// Config bounds what is looked at each time.
type Config struct {
	// Stay is for how long a sale stays hot after it was asked for. Raised, a sale that nobody
	// asks for costs for longer; lowered, one that is asked for now and then changes between
	// hot and cold.
	Stay time.Duration
	// Most is how many sales are hot at once: those that were asked for last. Raised, somebody
	// who asks for every sale in turn costs more; lowered, busy sales are cold.
	Most int
	// Few is how many sales a small site has, which has no cold ones. Raised, an idle site costs
	// more.
	Few int
	// Turn is how many cold sales are looked at each time. Raised, they cost more; lowered, it
	// takes longer until something that nobody announced is noticed.
	Turn int
}

// DefaultConfig is for a process that looks so often: 5,000 cold sales have had their turn
// within ten seconds.
func DefaultConfig(every time.Duration) Config {
	return Config{Stay: 10 * time.Second, Most: 200, Few: 16, Turn: max(1, int(500*every/time.Second))}
}

// Schedule is the sales of one process. One goroutine owns it.
type Schedule struct {
	config Config
	recent list.List // of *entry, the one that was asked for last first
	known  map[sale.ID]*list.Element
	turn   []sale.ID // the round: all sales; those before next have had their turn
	next   int
	looks  int
}

// entry is one sale.
type entry struct {
	id    sale.ID
	asked time.Time
	hotAt int // the look at which it was hot last
}

// New makes a schedule without sales.
func New(config Config) *Schedule {
	return &Schedule{config: config, known: map[sale.ID]*list.Element{}}
}

// Over reports whether every sale has had its turn. Who then lists the sales again finds those
// that nobody announced.
func (s *Schedule) Over() bool { return s.next >= len(s.turn) }

// List begins a round with the sales that there are, and returns those that are new.
func (s *Schedule) List(ids []sale.ID) (fresh []sale.ID) {
	listed := make(map[sale.ID]bool, len(ids))
	for _, id := range ids {
		listed[id] = true
		if s.known[id] == nil {
			s.known[id] = s.recent.PushBack(&entry{id: id})
			fresh = append(fresh, id)
		}
	}
	for id, e := range s.known {
		if !listed[id] {
			s.recent.Remove(e)
			delete(s.known, id)
		}
	}
	s.turn, s.next = ids, 0
	return fresh
}

// Knows reports whether a sale is listed, or was asked for since.
func (s *Schedule) Knows(id sale.ID) bool { return s.known[id] != nil }

// Heat notes that a sale was asked for. One that was not listed is new: it was opened since.
func (s *Schedule) Heat(id sale.ID, at time.Time) {
	e := s.known[id]
	if e == nil {
		s.known[id] = s.recent.PushFront(&entry{id: id, asked: at})
		return
	}
	if of := e.Value.(*entry); at.After(of.asked) {
		of.asked = at
		s.recent.MoveToFront(e)
	}
}

// Hot returns which sales are hot, the one that was asked for last first. asked is how many of them
// are asked for: the others are those of a small site.
func (s *Schedule) Hot(now time.Time) (hot []sale.ID, asked int) {
	s.looks++
	few := len(s.known) <= s.config.Few
	for e := s.recent.Front(); e != nil && (few || len(hot) < s.config.Most); e = e.Next() {
		of := e.Value.(*entry)
		wanted := !of.asked.IsZero() && now.Sub(of.asked) <= s.config.Stay
		if !wanted && !few {
			break
		}
		if wanted {
			asked = len(hot) + 1
		}
		of.hotAt = s.looks
		hot = append(hot, of.id)
	}
	return hot, asked
}

// Turn returns which sales have their turn now. Those that were hot at the last look have none:
// that has looked at them.
func (s *Schedule) Turn() (cold []sale.ID) {
	for ; s.next < len(s.turn) && len(cold) < s.config.Turn; s.next++ {
		id := s.turn[s.next]
		if e := s.known[id]; e != nil && e.Value.(*entry).hotAt != s.looks {
			cold = append(cold, id)
		}
	}
	return cold
}
