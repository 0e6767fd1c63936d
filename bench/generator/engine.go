package generator

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// patrolEvery is how often connections are looked over for what no event tells: a
// timeout, a pause that is over, a stop that was asked for. It is how imprecise those
// are.
const patrolEvery = 10 * time.Millisecond

// pause is the time before a connection that could not be made is tried again, so that
// a dead server is not all that the generator is busy with.
const pause = 50 * time.Millisecond

// engine makes one run, in one goroutine.
type engine struct {
	order    Order
	tokens   []string // by buyer
	stopped  func() bool
	target   target
	template template

	poll     *poll
	conns    []conn
	free     []*conn // that can send, the longest free first, so that all are used alike
	in       [states]int
	schedule *schedule
	tally    *tally

	start    time.Time
	sends    bool          // it is past opening its first connections
	patrolAt time.Duration // the next time
	stood    time.Duration // when a connection was last seen to stand

	out, read []byte // buffers of one request and of one read
}

// send makes a run. stopped is asked a hundred times a second, and ends it early with
// what was measured so far and errStopped.
func send(o Order, tokens []string, stopped func() bool) (Run, error) {
	e, err := newEngine(o, tokens, stopped)
	if err != nil {
		return Run{}, err
	}
	defer e.close()
	return e.run()
}

func newEngine(o Order, tokens []string, stopped func() bool) (*engine, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.First+o.Requests > len(tokens) {
		return nil, fmt.Errorf("buyers %d to %d: there are tokens for %d", o.First, o.First+o.Requests-1, len(tokens))
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
		order: o, tokens: tokens, stopped: stopped, target: to, template: newTemplate(o.Sale),
		poll: p, conns: make([]conn, o.Connections), read: make([]byte, 16<<10),
		in: [states]int{broken: o.Connections},
	}
	for i := range e.conns {
		e.conns[i].index, e.conns[i].fd = i, -1
	}
	return e, nil
}

// errStopped: the run was stopped and is not whole.
var errStopped = errors.New("stopped")

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
	if err == nil && !e.finished() {
		err = errStopped
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
		return errStopped
	}
	if e.in[free] == 0 {
		return fmt.Errorf("no connection to %s: %v", e.order.Addr, e.tally.run.Errors)
	}
	return nil
}

// begin starts the clock, and forgets what opening the connections came to. sends:
// requests are sent from now on.
func (e *engine) begin(at time.Time, sends bool) {
	e.start, e.sends, e.patrolAt, e.stood, e.poll.armed = at, sends, 0, 0, 0
	e.schedule, e.tally = newSchedule(e.order), newTally(at)
	for i := range e.conns {
		e.conns[i].since = 0
	}
}

func (e *engine) now() time.Duration { return time.Since(e.start) }

// finished reports whether every request is sent or dropped, and answered or lost.
func (e *engine) finished() bool { return e.schedule.done() && e.in[asked] == 0 }

func (e *engine) over() bool { return e.finished() || e.stopped() }

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
		e.enter(c, asked, now)
		c.used, c.request = true, request{e.order.buyer(n), intended, now}
		e.out = e.template.appendTo(e.out[:0], e.tokens[c.request.buyer])
		// It fits the socket's empty buffer, unless the server reads nothing.
		if sent, err := unix.Write(c.fd, e.out); err != nil {
			e.lose(c, kind(err), now)
		} else if sent < len(e.out) {
			e.lose(c, errCut, now)
		}
	}
}

// patrol deals with what no event tells, as of a time before the last look at events.
// So an answer that came while this thread slept is heard first, and no server is
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
	}
	if !e.sends || len(e.free) > 0 {
		return
	}
	e.schedule.expire(at)
	// Nothing is ever too late in a closed loop, so a dead server has to end it.
	if !e.order.open() && at-e.stood >= e.order.Timeout {
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

// cpuTime is what this process has used.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
