package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// role is what a buyer is up to.
type role string

const (
	honest   role = "honest"
	rejoiner role = "joins again and again"
	forger   role = "forges places"
	thief    role = "uses others' places"
	jumper   role = "buys before the turn"
	hoarder  role = "hoards"
)

// roles give each buyer one. The hostile ones are the first to join, as bots are.
type roles struct {
	*lineRun
	hostile   int // how many
	rejoiners int
}

func newRoles(l *lineRun) roles {
	hostile := int(l.Hostile * float64(l.Buyers))
	return roles{lineRun: l, hostile: hostile, rejoiners: min(l.Rejoiners, hostile/5)}
}

func (r roles) of(buyer int) role {
	switch {
	case buyer >= r.hostile:
		return honest
	case buyer < r.rejoiners:
		return rejoiner
	}
	return [...]role{forger, thief, jumper, hoarder}[buyer%4]
}

// shows reports whether a buyer comes once admitted, after how long, and whether that is late.
func (r roles) shows(buyer int) (delay time.Duration, late, comes bool) {
	switch r.of(buyer) {
	case hoarder:
		return 0, false, true
	case honest:
	default:
		return 0, false, false
	}
	random := rand.New(rand.NewPCG(r.Seed, uint64(buyer)))
	if random.Float64() >= r.Show {
		return 0, false, false
	}
	if random.Float64() < r.lineRun.Late {
		return r.LateAfter + time.Duration(random.ExpFloat64()*float64(r.LateAfter)/2), true, true
	}
	// A log-normal, of which this is the median. Who takes longer than a turn lasts is late, too.
	delay = time.Duration(float64(r.Human) * math.Exp(0.7*random.NormFloat64()))
	return delay, delay > lineWindow, true
}

// looks is how long it takes until somebody who waits for a ticket looks at the page again.
func (r roles) looks(buyer int) (delay time.Duration, comes bool) {
	switch r.of(buyer) {
	case hoarder:
		return 0, true
	case honest:
	default:
		return 0, false
	}
	random := rand.New(rand.NewPCG(r.Seed+1, uint64(buyer)))
	return time.Duration(random.Float64() * float64(r.Look)), random.Float64() < r.Show
}

// lineWindow is how long a turn lasts, see lua/front.lua.
const lineWindow = 45 * time.Second
