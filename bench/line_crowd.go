package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/testbed/process"
)

// visitEnd is how the visit of one who came ended.
type visitEnd string

const (
	endServed   visitEnd = "served in turn"
	endLate     visitEnd = "served though late" // at once, or from the late line
	endRefused  visitEnd = "refused in turn"    // sold out
	endTooLate  visitEnd = "came late to a sale that was sold out"
	endWaiting  visitEnd = "still in the late line"
	endNoAnswer visitEnd = "without an answer"
)

// visited is the visit of somebody who came.
type visited struct {
	buyer    int
	end      visitEnd
	order    string
	turn     time.Time // when the front came to the place
	admitted time.Time // the same, or when the front was not there yet at the latest look before
	decided  time.Time
	returned bool // its turn came after tickets had been returned
	late     bool // it had to wait in the late line
}

// linePeople are those who come in their turn.
type linePeople struct {
	*lineSite
	watch *lineWatch
	group sync.WaitGroup

	attentive atomic.Bool // those who are admitted wait for their turn, and look at the page again and again

	mu           sync.Mutex
	visits       []visited
	tokens       []string // of honest buyers who were served, for thieves
	refused      []generator.SoldOut
	tooSoon      int             // answers that a turn has not come, to buyers whose turn it was
	differ       int             // places that differ from before
	cancelled    map[string]bool // orders
	returnedFrom time.Time       // since when tickets are given back
	errs         []error
}

// followEvery is how often the public document is asked for, for all pages together.
const followEvery = 250 * time.Millisecond

// follow has people come as the front moves, by what the site shows everybody, until ctx ends. Their visits last as long as visiting.
func (p *linePeople) follow(ctx, visiting context.Context) {
	known := int64(0)
	for ; ctx.Err() == nil; pause.For(ctx, followEvery) {
		front, err := p.front()
		if err != nil {
			if ctx.Err() == nil {
				p.failed(err)
			}
			continue
		}
		for ; known < front; known++ {
			if buyer := p.atPlace[known+1]; buyer >= 0 {
				p.admit(visiting, int(buyer))
			}
		}
	}
}

func (p *linePeople) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, err)
}

// front is the public document's.
func (p *linePeople) front() (int64, error) {
	var d struct{ Line struct{ Front int64 } }
	status, text, err := process.Fetch(p.cluster.Front() + "/v1/sales/" + lineSale)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the sale: %d %s", status, text)
	}
	if err != nil {
		return 0, err
	}
	err = json.Unmarshal(text, &d)
	return d.Line.Front, err
}

// admit has a buyer come, if it does.
func (p *linePeople) admit(ctx context.Context, buyer int) {
	attentive := p.attentive.Load()
	delay, late, comes := p.roles.shows(buyer)
	if attentive {
		late = false
		delay, comes = p.roles.looks(buyer)
	}
	if !comes {
		return
	}
	p.group.Go(func() {
		if !pause.For(ctx, delay) {
			return
		}
		v := visited{buyer: buyer, end: endNoAnswer, returned: attentive}
		if turn, ok := p.watch.turnOf(p.positions[buyer]); ok {
			v.turn, v.admitted = turn.at, turn.seen
		}
		visit := p.visit
		if p.roles.of(buyer) == hoarder {
			visit = p.hoard
		}
		if err := visit(ctx, &v, late); err != nil && ctx.Err() == nil {
			p.failed(fmt.Errorf("%s: %w", generator.Buyer(buyer), err))
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.visits = append(p.visits, v)
	})
}

func (p *linePeople) person(buyer int) person {
	return person{site: p.lineSite, buyer: buyer, addr: p.cluster.Front()}
}

// visit is somebody who joins again for the token of the place, and buys, or waits in the late line.
func (p *linePeople) visit(ctx context.Context, v *visited, late bool) error {
	who := p.person(v.buyer)
	placed, err := who.join(ctx, "")
	if err != nil {
		return err
	}
	if placed.Place != p.places[v.buyer] || placed.Position != p.positions[v.buyer] {
		p.mu.Lock()
		p.differ++
		p.mu.Unlock()
	}
	doubtful := false
	for {
		a, err := who.buy(ctx, placed.Token, 1)
		if err != nil {
			return err
		}
		doubtful = doubtful || a.retry
		v.decided = time.Now()
		switch {
		case a.status == http.StatusCreated || a.status == http.StatusOK:
			p.serve(v, a, placed.Token, late)
			return nil
		case a.Code == "sold-out":
			if doubtful {
				if mine, err := who.mine(ctx); err != nil || mine.status == http.StatusOK {
					p.serve(v, mine, placed.Token, late)
					return err
				}
			}
			// Who is in the late line waits on: tickets may return.
			if err := p.refuse(ctx, v, a); err != nil || v.end == endRefused || !v.late {
				return err
			}
		case a.Code != "not-your-turn":
			return fmt.Errorf("buying: %d %s", a.status, a.Code)
		}
		if a.Code == "not-your-turn" && p.isTurn(v, a) {
			p.mu.Lock()
			p.tooSoon++
			p.mu.Unlock()
		}
		v.late = v.late || a.Ahead != nil
		v.end = endWaiting
		if !pause.For(ctx, max(a.after, p.Look)) {
			return nil
		}
	}
}

// turnMargin is taken off how long a turn lasts: an answer was made some time after its request was sent.
const turnMargin = 2 * time.Second

// isTurn reports whether it certainly was the buyer's turn when it sent its request.
func (p *linePeople) isTurn(v *visited, a answered) bool {
	return !v.turn.IsZero() && time.Since(v.turn) < lineWindow-turnMargin && a.sent.After(v.turn)
}

func (p *linePeople) serve(v *visited, a answered, token string, late bool) {
	v.order, v.end = a.ID, endServed
	if late || v.late {
		v.end = endLate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.roles.of(v.buyer) == honest && len(p.tokens) < 1000 {
		p.tokens = append(p.tokens, token)
	}
}

// refuse notes somebody who found the sale sold out. That was in turn if the turn was not over, or the late line had come to the buyer.
func (p *linePeople) refuse(ctx context.Context, v *visited, a answered) error {
	v.end = endTooLate
	inTurn := time.Since(v.turn) <= lineWindow
	if !inTurn {
		ordinal, err := p.client.HGet(ctx, remotestock.Keys(lineSale)[13], fmt.Sprint("p", p.positions[v.buyer])).Int64()
		inTurn = err == nil && ordinal <= p.watch.now().lateMay
	}
	if inTurn {
		v.end = endRefused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = append(p.refused, generator.SoldOut{Sent: a.sent.UnixMilli(), Received: v.decided.UnixMilli(), Buyers: 1})
	return nil
}
