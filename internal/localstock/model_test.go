package localstock_test

import (
	"context"
	"slices"
	"time"

	"onsale/internal/sale"
)

// model is local stock written again in the most naive way: a list of those who
// wait, and times compared one by one.
type model struct {
	plan, stock   sale.Generation
	learned       time.Time
	epoch         int
	slice, buffer int64
	exhausted     bool
	until         time.Time
	queue         []*party
	refilling     bool
}

// party is one request, in the model and in the real stock.
type party struct {
	quantity int64
	givesUp  time.Time
	want     string // "" while it waits
	epoch    int
	fromBuf  int64
	real     *request
	cancel   context.CancelFunc
	returned bool
}

const waiters = 3

func (m *model) soldOut() bool { return m.exhausted && time.Now().Before(m.until) }

func (m *model) serve() {
	for len(m.queue) > 0 && m.queue[0].quantity <= m.slice+m.buffer {
		m.give(m.queue[0])
		m.queue = m.queue[1:]
	}
}

func (m *model) give(p *party) {
	slice := min(p.quantity, m.slice)
	p.want, p.epoch, p.fromBuf = "tickets", m.epoch, p.quantity-slice
	m.slice -= slice
	m.buffer -= p.fromBuf
}

func (m *model) reject(why string, who func(*party) bool) {
	m.queue = slices.DeleteFunc(m.queue, func(p *party) bool {
		if who(p) {
			p.want = why
		}
		return who(p)
	})
}

func everybody(*party) bool { return true }

func (m *model) acquire(p *party) {
	switch {
	case m.soldOut():
		p.want = "sold-out"
	case len(m.queue) == 0 && p.quantity <= m.slice+m.buffer:
		m.give(p)
	case len(m.queue) == waiters:
		p.want = "busy"
	default:
		m.queue = append(m.queue, p)
		m.refilling = true
	}
}

func (m *model) handBack(p *party) {
	if p.epoch == m.epoch {
		m.slice += p.quantity - p.fromBuf
		m.buffer += p.fromBuf
	}
	m.serve()
}

// observe reports whether the reading is older than what is known.
func (m *model) observe(r sale.Reading) (outdated bool) {
	if r.Allotment.Generation > m.plan {
		m.plan, m.slice, m.buffer = r.Allotment.Generation, r.Allotment.Slice, r.Allotment.Buffer
		m.epoch++
	}
	outdated = r.Stock < m.stock && !r.Sent.After(m.learned)
	if !outdated {
		if r.Stock != m.stock {
			m.stock, m.learned = r.Stock, time.Now()
			m.exhausted = m.exhausted && r.Remaining == 0
		}
		if r.Remaining == 0 {
			if end := r.Sent.Add(time.Second); !m.exhausted || end.After(m.until) {
				m.until = end
			}
			m.exhausted, m.slice, m.buffer = true, 0, 0
			m.epoch++
			m.reject("sold-out", everybody)
		}
	}
	m.serve()
	return outdated
}

// refilled is what the end of a refill does. It reports whether another one follows.
func (m *model) refilled(g sale.Grant, err error) {
	m.refilling = false
	if err != nil {
		m.reject("error", everybody)
		return
	}
	outdated := m.observe(g.Reading)
	switch {
	case g.Result == sale.Granted:
		m.slice += g.Tickets
	case outdated: // a refusal from before stock came back is not true any more
	case g.Result == sale.GrantNotEnough:
		m.reject("not-enough", func(p *party) bool { return p.quantity > g.Reading.Remaining })
	case g.Result == sale.GrantNotOpen, g.Result == sale.GrantClosed:
		m.reject(string(g.Result), everybody)
	}
	m.serve()
	m.refilling = len(m.queue) > 0
}

func (m *model) leave(p *party) {
	if i := slices.Index(m.queue, p); i >= 0 {
		m.queue = slices.Delete(m.queue, i, i+1)
		p.want = "busy"
		m.serve()
	}
}

// advance lets those give up whose time comes within d, one after the other.
func (m *model) advance(d time.Duration) {
	end := time.Now().Add(d)
	for i := 0; i < len(m.queue); {
		if p := m.queue[i]; p.givesUp.After(end) {
			i++
		} else {
			m.leave(p)
			i = 0
		}
	}
}
