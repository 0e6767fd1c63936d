package generator

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// patrolEvery is how often connections are looked over for what no event reports: a
// timeout, a pause or a rest that is over, a stop that was asked for. It is how imprecise
// those are.
const patrolEvery = 10 * time.Millisecond

// pause is the time before a connection that could not be made is tried again, so that
// a dead server is not all that the generator is busy with.
const pause = 50 * time.Millisecond

// engine makes one run, in one goroutine.
type engine struct {
	order    Order
	tokens   []string // by buyer
	places   []string // place tokens, by buyer; "": none
	stopped  func() bool
	progress func(done int64) // called now and then; nil: nobody follows the run
	target   target
	template template // a purchase
	mine     template // the question for a buyer's order

	poll     *poll
	conns    []conn
	free     []*conn // that can send, the longest free first, so that all are used alike
	room     []*conn // free's memory, to begin anew in when nothing is free, as it mostly is
	in       [states]int
	schedule *schedule
	tally    *tally
	visits   *visits // nil: buyers are not patient

	start    time.Time
	sends    bool          // it is past opening its first connections
	patrolAt time.Duration // the next time
	reportAt time.Duration // the next time that progress is called
	stood    time.Duration // when a connection was last seen to stand

	out, read []byte // buffers of one request and of one read
}

// send makes a run. stopped is asked a hundred times a second, and ends it early with
// what was measured so far and ErrStopped; patient buyers still get the answers to the requests
// that are under way. progress, if set, is called with how many requests or buyers are done.
func send(o Order, tokens, places []string, stopped func() bool, progress func(done int64)) (Run, error) {
	e, err := newEngine(o, tokens, places, stopped)
	if err != nil {
		return Run{}, err
	}
	defer e.close()
	e.progress = progress
	return e.run()
}

// progressEvery is the time between two calls of progress.
const progressEvery = 50 * time.Millisecond

func newEngine(o Order, tokens, places []string, stopped func() bool) (*engine, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.First+o.buyers() > len(tokens) {
		return nil, fmt.Errorf("buyers %d to %d: there are tokens for %d", o.First, o.First+o.buyers()-1, len(tokens))
	}
	to, err := resolve(o.Addr)
	if err != nil {
		return nil, err
	}
	p, err := newPoll(o.Connections)
	if err != nil {
		return nil, err
	}
	e := &engine{
		order: o, tokens: tokens, places: places, stopped: stopped, target: to, template: newTemplate(o.Sale), mine: newMine(o.Sale),
		poll: p, conns: make([]conn, o.Connections), room: make([]*conn, 0, o.Connections), read: make([]byte, 16<<10),
		in: [states]int{broken: o.Connections},
	}
	if o.Joins {
		e.template = newJoin(o.Sale)
	}
	for i := range e.conns {
		e.conns[i].index, e.conns[i].fd = i, -1
	}
	return e, nil
}

// ErrStopped: the run was stopped and is not whole.
var ErrStopped = errors.New("stopped")

func (e *engine) run() (Run, error) {
	if err := e.open(); err != nil {
		return Run{}, err
	}
	cpu, err := cpuTime()
	if err != nil {
		return Run{}, err
	}
	e.begin(time.Now(), true)
	for !e.over() && err == nil {
		err = e.turn()
	}
	after, cpuErr := cpuTime()
	r := e.tally.finish()
	r.Intended, r.Sent, r.Dropped = e.schedule.due(e.now()), e.schedule.sent, e.schedule.dropped
	r.Behind, r.CPUSeconds = e.schedule.behind, (after - cpu).Seconds()
	if e.visits != nil {
		e.visits.finish(&r, e.now())
	}
	if err == nil && (!e.finished() || e.visits != nil && e.visits.cut) {
		err = ErrStopped
	}
	return r, errors.Join(err, cpuErr)
}

// open makes the connections before the schedule begins, so that its first requests
// don't wait for them. Those that fail are tried again later, but one must stand.
func (e *engine) open() error {
	e.begin(time.Now(), false)
	for i := range e.conns {
		e.connect(&e.conns[i], e.now())
	}
	for e.in[connecting] > 0 && !e.stopped() {
		if err := e.turn(); err != nil {
			return err
		}
	}
	if e.stopped() {
		return ErrStopped
	}
	if e.in[free] == 0 {
		return fmt.Errorf("no connection to %s: %v", e.order.Addr, e.tally.run.Errors)
	}
	return nil
}

// begin starts the clock, and forgets what opening the connections came to. sends:
// requests are sent from now on.
func (e *engine) begin(at time.Time, sends bool) {
	e.start, e.sends, e.patrolAt, e.reportAt, e.stood, e.poll.armed = at, sends, 0, 0, 0, 0
	e.schedule, e.tally = newSchedule(e.order), newTally(at)
	e.visits = newVisits(e.order, e.tally)
	for i := range e.conns {
		e.conns[i].since = 0
	}
}

func (e *engine) now() time.Duration { return time.Since(e.start) }

// finished reports whether every request is sent or dropped, and answered or lost, and every
// patient buyer has left.
func (e *engine) finished() bool { return e.schedule.done() && e.underWay() == 0 }

// underWay is how many requests are, or patient buyers' visits.
func (e *engine) underWay() int {
	if e.visits != nil {
		return e.visits.under
	}
	return e.in[asked]
}

func (e *engine) over() bool {
	return e.finished() || e.stopped() && (e.visits == nil || e.windUp())
}

// turn sends what is due, waits until something happens, and deals with it.
func (e *engine) turn() error {
	e.send()
	looked := e.now()
	wake := e.patrolAt
	if e.sends && len(e.free) > 0 && !e.schedule.done() {
		wake = min(wake, e.schedule.at(e.schedule.next))
	}
	if err := e.poll.wakeAt(wake, looked); err != nil {
		return err
	}
	events, err := e.poll.wait()
	if err != nil {
		return err
	}
	for _, event := range events {
		if event.Fd == timerIndex {
			continue
		}
		e.happened(&e.conns[event.Fd])
		// Not only after the last event: the others' answers may take a while to read.
		e.send()
	}
	if looked >= e.patrolAt {
		e.patrol(looked)
		e.patrolAt = looked + patrolEvery
	}
	return nil
}

// send sends what is due on the connections that are free.
func (e *engine) send() {
	for e.sends && len(e.free) > 0 {
		c, now := e.free[0], e.now()
		n, intended, ok := e.schedule.take(now, c.since)
		if !ok {
			return
		}
		if e.visits != nil {
			e.visits.come(e.visit(c), n, e.order.buyer(n), intended, now)
			e.ready(c, now)
			continue
		}
		e.ask(c, e.template, request{e.order.buyer(n), intended, now})
	}
}

// ask sends a request.
func (e *engine) ask(c *conn, t template, r request) {
	e.enter(c, asked, r.sent)
	c.used, c.request = true, r
	e.out = append(append(e.out[:0], t.before...), e.tokens[r.buyer]...)
	if e.order.Places {
		e.out = append(append(e.out, placeHeader...), e.places[r.buyer]...)
	}
	e.out = append(e.out, t.after...)
	// It fits the socket's empty buffer, unless the server reads nothing.
	if sent, err := unix.Write(c.fd, e.out); err != nil {
		e.lose(c, kind(err), r.sent)
	} else if sent < len(e.out) {
		e.lose(c, errCut, r.sent)
	}
}

// patrol deals with what no event reports, as of a time before the last look at events.
// So an answer that came while this thread slept is read first, and no server is
// blamed for the sleep.
func (e *engine) patrol(at time.Duration) {
	// Before any is given up, for the same reason.
	if e.in[free]+e.in[asked] > 0 {
		e.stood = at
	}
	for i := range e.conns {
		c := &e.conns[i]
		inState := at - c.since
		switch {
		case (c.state == asked || c.state == connecting) && inState >= e.order.Timeout:
			e.lose(c, errTimeout, e.now())
		case c.state == broken && e.sends && inState >= pause:
			e.connect(c, e.now())
		}
		if e.visits != nil && e.sends {
			e.attend(c, at)
		}
	}
	if e.progress != nil && e.sends && at >= e.reportAt {
		e.reportAt = at + progressEvery
		e.progress(e.schedule.sent + e.schedule.dropped - int64(e.underWay()))
	}
	if !e.sends || len(e.free) > 0 {
		return
	}
	e.schedule.expire(at)
	// Nothing is ever too late in a closed loop, so a dead server has to end it.
	if !e.order.open() && !e.order.patient() && at-e.stood >= e.order.Timeout {
		e.schedule.drop(e.order.Requests - e.schedule.next)
	}
}

// enter brings a connection into a state.
func (e *engine) enter(c *conn, s state, now time.Duration) {
	if c.state == free {
		i := slices.Index(e.free, c)
		if i == 0 { // as nearly always, and it must not cost a move of all others
			e.free = e.free[1:]
		} else {
			e.free = slices.Delete(e.free, i, i+1)
		}
	}
	if s == free {
		if len(e.free) == 0 {
			e.free = e.room
		}
		e.free = append(e.free, c)
	}
	e.in[c.state]--
	e.in[s]++
	c.state, c.since = s, now
}

func (e *engine) close() {
	for i := range e.conns {
		e.hangUp(&e.conns[i])
	}
	_ = e.poll.close() // nothing is lost with it
}
