package ratelimit

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"onsale/internal/sale"
)

// Policy is one of the two limits, by the name that buyers see.
type Policy string

// The policies.
const (
	None     Policy = ""
	PerBuyer Policy = "buyer"
	PerNode  Policy = "node"
)

// Verdict is what a limiter decides about a request.
type Verdict struct {
	Policy Policy        // that refuses it; None: it may pass
	Rate   Rate          // of that policy
	Wait   time.Duration // until the policy lets another request pass
}

// Limiter bounds how often buyers ask. Its limits change while it is used.
type Limiter struct {
	began   time.Time
	changes sync.Mutex
	state   atomic.Pointer[state]
}

// state is what a change replaces. A limit that was not changed keeps its counts.
type state struct {
	limits Limits
	buyers *buyers       // nil: no limit, and no memory
	node   *rate.Limiter // nil: no limit
}

// New makes a limiter. An error is the limits'.
func New(l Limits) (*Limiter, error) {
	limiter := &Limiter{began: time.Now()}
	limiter.state.Store(&state{})
	_, err := limiter.Change(func(limits *Limits) { *limits = l })
	return limiter, err
}

// Limits are those in force.
func (l *Limiter) Limits() Limits { return l.state.Load().limits }

// Change has other limits in force from now on, and returns them. If they are faulty, those before stay.
func (l *Limiter) Change(change func(*Limits)) (Limits, error) {
	l.changes.Lock()
	defer l.changes.Unlock()
	before := l.state.Load()
	next := *before
	change(&next.limits)
	if err := next.limits.Validate(); err != nil {
		return before.limits, err
	}
	if r := next.limits.Buyer; r != before.limits.Buyer {
		if next.buyers = nil; r.PerSecond > 0 {
			next.buyers = newBuyers(r)
		}
	}
	if r := next.limits.Node; r != before.limits.Node {
		if next.node = nil; r.PerSecond > 0 {
			next.node = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		}
	}
	l.state.Store(&next)
	return next.limits, nil
}

// reserved is the share of the node's burst that is left to urgent requests. Raised, a rush of purchases is refused
// sooner; lowered, somebody who wants to cancel may be refused because of it.
const reserved = 4

// Take counts a request of the buyer, and decides about it. Urgent is one of a buyer who may have an order, and comes
// before purchases where the node's limit is reached. One that is refused by the buyer's own limit does not count for the node.
func (l *Limiter) Take(buyer sale.Buyer, urgent bool) Verdict {
	s := l.state.Load()
	if s.buyers != nil {
		if wait := s.buyers.take(buyer, int64(time.Since(l.began))); wait > 0 {
			return Verdict{PerBuyer, s.limits.Buyer, time.Duration(wait)}
		}
	}
	if s.node != nil {
		least := 1.0
		if !urgent {
			least += float64(s.limits.Node.Burst / reserved)
		}
		now := time.Now()
		if has := s.node.TokensAt(now); has < least || !s.node.AllowN(now, 1) {
			return Verdict{PerNode, s.limits.Node, time.Duration((least - min(has, least)) / s.limits.Node.PerSecond * 1e9)}
		}
	}
	return Verdict{}
}
