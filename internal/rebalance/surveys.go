package rebalance

import (
	"sync"

	"onsale/internal/sale"
)

// surveys are the last ones of the sales that this allocator plans, for operators: planning
// itself begins every look with a new one.
type surveys struct {
	mu   sync.Mutex
	last map[sale.ID]surveyed
}

// surveyed names the planner too. A sale that is archived and opened again has a new one before
// the old one has ended.
type surveyed struct {
	by     *planner
	survey sale.Survey
}

func (s *surveys) note(p *planner, v sale.Survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[sale.ID]surveyed{}
	}
	s.last[p.id] = surveyed{p, v}
}

// forget drops what the planner has noted. It does so when it ends: another allocator plans the
// sale then, or the sale is archived.
func (s *surveys) forget(p *planner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last[p.id].by == p {
		delete(s.last, p.id)
	}
}

// Survey is the last survey of one sale; see Surveys.
func (l *Loop) Survey(id sale.ID) (v sale.Survey, known bool) {
	l.surveys.mu.Lock()
	defer l.surveys.mu.Unlock()
	last, known := l.surveys.last[id]
	return last.survey, known
}

// Surveys are the last surveys of the sales that this allocator plans, in no order; none while it
// does not lead. That of a hot sale is at most as old as a tick, and that of a cold one as its last
// change or turn, unless the store does not answer.
func (l *Loop) Surveys() []sale.Survey {
	l.surveys.mu.Lock()
	defer l.surveys.mu.Unlock()
	list := make([]sale.Survey, 0, len(l.surveys.last))
	for _, v := range l.surveys.last {
		list = append(list, v.survey)
	}
	return list
}
