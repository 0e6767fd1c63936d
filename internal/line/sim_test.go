package line

import (
	"math"
	"math/rand/v2"
)

// scenario is a crowd and a sale.
type scenario struct {
	name   string
	come   func(t float64) float64 // share of those admitted at a moment who come
	late   float64                 // share of these who come a minute after their turn or later
	human  float64                 // seconds until half of the others have bought
	takes  []float64               // shares of those who want 1, 2, 3 and 4 tickets
	absent float64                 // share of the joined who are bots and never come
	greedy float64                 // share of the joined who are bots and take the limit at once
	unpaid float64                 // share of holds that lapse
	rate   int64
	joins  float64    // places that join per second after the opening; 0: all have joined before
	away   [2]float64 // from when to when nobody advances the front
}

// outcome is what came of a sale.
type outcome struct {
	asked, refused float64 // tries in their turn, and those of them that found it sold out
	late           int64   // how many had to join the late line
	taken          float64 // seconds until 99 % were held or paid
	unsold         int
}

// visit is what happens at a moment: somebody comes, or pays, or a hold lapses.
type visit struct {
	kind        byte
	quantity    int
	place, late int64
	bot         bool
}

// crowd plays a scenario, tick by tick.
type crowd struct {
	scenario
	outcome
	random *rand.Rand
	// ideal is a rule that nobody can have: the rate alone moves the front, at the true share,
	// and whoever finds the sale sold out waits, and takes at once what returns.
	ideal           bool
	front           Front
	credit          float64
	total           int
	remaining, paid int
	joined          float64
	moved           float64 // when the front moved last
	visits          [][]visit
	waiting         []visit         // those whom the ideal rule owes a ticket
	queue           map[int64]visit // those in the late line
	called          int64
}

const (
	tick    = 0.5 // seconds; coarser than an allocator's, for speed
	horizon = 4 * 3600.0
	holding = 600.0
	limit   = 4
	opening = 1_000_000 // in milliseconds, as Redis has it
)

// play sells tickets to a crowd.
func play(s scenario, tickets int, ideal bool, seed uint64) outcome {
	c := &crowd{scenario: s, random: rand.New(rand.NewPCG(seed, 77)), ideal: ideal, total: tickets, remaining: tickets,
		moved: -100, queue: map[int64]visit{}}
	c.taken = horizon
	if s.joins == 0 {
		c.joined = float64(max(1000, 50*tickets))
	}
	for i := 0; c.paid < tickets && float64(i)*tick < horizon; i++ {
		t := float64(i) * tick
		// Those who come at once add to the list that is gone through.
		for j := 0; i < len(c.visits) && j < len(c.visits[i]); j++ {
			c.visit(t, c.visits[i][j])
		}
		if i < len(c.visits) {
			c.visits[i] = nil
		}
		c.joined += s.joins * tick
		before := c.front.Front
		c.advance(t)
		for place := before + 1; place <= c.front.Front; place++ {
			c.admit(t, place)
		}
		if c.front.Front > before {
			c.moved = t
		}
	}
	c.outcome.late, c.unsold = c.front.Late.Joined, tickets-c.paid
	return c.outcome
}

func (c *crowd) at(t float64, v visit) {
	i := int(t/tick) + 1
	for len(c.visits) <= i {
		c.visits = append(c.visits, nil)
	}
	c.visits[i] = append(c.visits[i], v)
}

func (c *crowd) visit(t float64, v visit) {
	switch v.kind {
	case 'p':
		c.paid += v.quantity
	case 'r':
		c.remaining += v.quantity
		for c.remaining > 0 && len(c.waiting) > 0 {
			c.buy(t, c.waiting[0])
			c.waiting = c.waiting[1:]
		}
	case 'c':
		if c.ideal {
			if c.remaining > 0 {
				c.buy(t, v)
			} else {
				c.waiting = append(c.waiting, v)
			}
			return
		}
		c.try(t, v)
	}
}

func (c *crowd) try(t float64, v visit) {
	switch c.front.Turn(v.place, v.late, now(t)) {
	case IsLate:
		v.late = c.front.JoinLate()
		c.queue[v.late] = v
	case NotYet:
		panic("somebody came before their turn")
	case InTurn:
		c.asked++
		if c.remaining > 0 {
			c.buy(t, v)
			return
		}
		c.refused++
		if c.chance(.5) { // tries again, and is late then
			c.at(t+60+20*c.random.Float64(), v)
		}
	}
}

func (c *crowd) buy(t float64, v visit) {
	v.quantity = min(v.quantity, c.remaining)
	c.remaining -= v.quantity
	if !c.ideal {
		c.front.Bought(v.place, v.late, int64(v.quantity), now(t))
	}
	if !v.bot && c.chance(c.unpaid) {
		c.at(t+holding, visit{kind: 'r', quantity: v.quantity})
	} else {
		c.at(t+min(5+60*c.random.ExpFloat64(), holding-1), visit{kind: 'p', quantity: v.quantity})
	}
	if c.taken == horizon && float64(c.remaining) <= .01*float64(c.total) {
		c.taken = t
	}
}

func (c *crowd) advance(t float64) {
	if c.ideal {
		c.credit += float64(c.rate) * tick / (c.come(t)*(1-c.absent-c.greedy) + c.greedy)
		if step := math.Floor(min(c.credit, c.joined-float64(c.front.Front))); c.remaining > 0 {
			c.front.Front += int64(step)
		}
		c.credit -= math.Floor(c.credit)
		return
	}
	if t >= c.away[0] && t < c.away[1] {
		return
	}
	c.front.Advance(Stock{Now: now(t), Remaining: int64(c.remaining), Total: int64(c.total), Joined: int64(c.joined),
		Rate: c.rate, Limit: limit})
	for c.called < c.front.Late.Called {
		c.called++
		v := c.queue[c.called]
		delete(c.queue, c.called)
		if c.chance(.9) {
			c.at(t+1+4*c.random.Float64()+c.delay(6), v)
		}
	}
}

// admit decides whether and when somebody comes whose turn it is.
func (c *crowd) admit(t float64, place int64) {
	v := visit{kind: 'c', place: place, quantity: limit}
	switch kind := c.random.Float64(); {
	case kind < c.absent:
		return
	case kind < c.absent+c.greedy:
		v.bot = true
		c.at(t+1.5*c.random.Float64(), v)
		return
	}
	if !c.chance(c.come(t)) {
		return
	}
	v.quantity = 1
	for x := c.random.Float64() - c.takes[0]; x >= 0 && v.quantity < limit; v.quantity++ {
		x -= c.takes[v.quantity]
	}
	wait := 2.0 // between two looks at the page; longer while the front rests
	if t-c.moved > 10 {
		wait = 3
	}
	delay := wait*c.random.Float64() + c.delay(c.human)
	if c.chance(c.scenario.late) {
		delay = 60 + 300*c.random.ExpFloat64()
	}
	c.at(t+delay, v)
}

// delay is how long people take: a log-normal, of which this is the median.
func (c *crowd) delay(median float64) float64 {
	return 1.5*c.random.Float64() + median*math.Exp(.7*c.random.NormFloat64())
}

func (c *crowd) chance(p float64) bool { return c.random.Float64() < p }

func now(t float64) int64 { return opening + int64(math.Round(1000*t)) }
