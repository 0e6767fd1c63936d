package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"onsale/internal/sale"
)

// Joiner gathers the joins of one sale's line into calls of join, as [Committer] does with claims.
//
// The simple view: Join puts a buyer into a queue and waits. A flight takes what has gathered,
// sends it as one call, answers everybody in it, and takes what has gathered meanwhile. A call
// whose outcome is unknown is sent again: a buyer who has a place gets the same again, so
// nothing has to be remembered of the first one.
type Joiner struct {
	store   *Store
	sale    sale.ID
	watcher Watcher
	config  CommitConfig

	mu     sync.Mutex
	queue  []*joining
	flying bool
	group  sync.WaitGroup
}

// joining is a join on its way.
type joining struct {
	join   sale.Join
	giveUp time.Time
	placed sale.Placed
	err    error
	done   chan struct{}
}

// Joiner makes the group commit of one sale's line. Batch and queue are those of claims; one call is
// in flight at a time.
func (s *Store) Joiner(id sale.ID, w Watcher, c CommitConfig) *Joiner {
	return &Joiner{store: s, sale: id, watcher: w, config: c}
}

// Join waits until Redis has given the buyer a place. After an error the buyer may have one, and
// gets it by joining again.
func (j *Joiner) Join(join sale.Join) (sale.Placed, error) {
	e := &joining{join: join, giveUp: time.Now().Add(j.store.config.Patience), err: errNeverSent, done: make(chan struct{})}
	j.mu.Lock()
	if len(j.queue) >= j.config.Queue {
		j.mu.Unlock()
		return sale.Placed{Outcome: sale.LineBusy}, nil
	}
	j.queue = append(j.queue, e)
	if !j.flying {
		j.flying = true
		j.group.Go(j.fly)
	}
	j.mu.Unlock()
	<-e.done
	return e.placed, classify("join", e.err)
}

// Wait returns when everybody has been answered; no new ones may come.
func (j *Joiner) Wait() { j.group.Wait() }

// fly sends call after call until nobody waits.
func (j *Joiner) fly() {
	var batch []*joining
	for {
		if batch = j.next(batch[:0]); len(batch) == 0 {
			return
		}
		err := j.send(batch)
		for err != nil && ran(err) && !isLost(err) && len(batch) > 0 {
			time.Sleep(j.store.config.Pause)
			if batch = j.patient(batch, err); len(batch) > 0 {
				err = j.send(batch)
			}
		}
		for _, e := range batch {
			if err != nil {
				e.err = err
			}
			close(e.done)
		}
	}
}

// next takes one call's buyers from the queue. Those who waited past their patience behind a
// slow Redis have left: they are answered unsent.
func (j *Joiner) next(batch []*joining) []*joining {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(batch) == 0 && len(j.queue) > 0 {
		n := min(len(j.queue), j.config.Batch)
		batch = j.patient(append(batch, j.queue[:n]...), errNeverSent)
		rest := copy(j.queue, j.queue[n:])
		clear(j.queue[rest:])
		j.queue = j.queue[:rest]
	}
	j.flying = len(batch) > 0
	return batch
}

// patient answers those who have waited for too long, and returns the others.
func (j *Joiner) patient(batch []*joining, err error) []*joining {
	now, rest := time.Now(), batch[:0]
	for _, e := range batch {
		if now.After(e.giveUp) {
			e.err = err
			close(e.done)
			continue
		}
		rest = append(rest, e)
	}
	return rest
}

// send is one call. Without an error everybody in the batch has a result.
func (j *Joiner) send(batch []*joining) error {
	seen := j.store.seen(j.sale)
	args := make([]any, 0, ownArguments+1+len(batch))
	args = append(args, j.store.node, int64(j.watcher.Generation()), seen.text(), proofs(batch))
	for _, e := range batch {
		args = append(args, string(e.join.Buyer))
	}
	// Each call bounds its own time: see Store.send.
	r, err := j.store.send(context.Background(), seen, joinScript, 0, args)
	if err != nil {
		return err
	}
	if err := place(batch, &r); err != nil {
		return err
	}
	j.watcher.Observe(r.reading)
	return nil
}

// proofs are the places that buyers of a batch have proof of, see lua/join.lua.
func proofs(batch []*joining) string {
	var b strings.Builder
	for i, e := range batch {
		if e.join.Proof != 0 {
			place := e.join.Proof.String()
			if e.join.Proof == sale.Drawn && !e.join.Sure {
				place = "D"
			}
			b.WriteString(strconv.Itoa(i+1) + " " + place + " ")
		}
	}
	return b.String()
}

// joinLetters are the outcomes of a join by their letters.
var joinLetters = map[byte]sale.JoinOutcome{'n': sale.Joined, 'k': sale.Rejoined, 'c': sale.LineClosed, 'l': sale.LineFull, 'w': sale.LineBusy}

// place reads what join answered of a batch. It first reads the whole reply: one of a wrong
// shape leaves everybody unanswered.
func place(batch []*joining, r *reply) error {
	outcomes, err := r.text("outcomes")
	places, err2 := r.texts("places")
	fields, err3 := r.texts("line")
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	line, err := byName(fields).line()
	if err != nil || len(outcomes) != len(batch) || len(places) != len(batch) {
		return fmt.Errorf("%w: join answered %d buyers with %q: %w", ErrReply, len(batch), outcomes, err)
	}
	r.reading.Line = line
	for i, e := range batch {
		e.placed, e.err = sale.Placed{Outcome: joinLetters[outcomes[i]], Line: *line}, nil
		switch e.placed.Outcome {
		case sale.Joined, sale.Rejoined:
			if e.placed.Place, err = sale.ParsePlace(places[i]); err != nil {
				return fmt.Errorf("%w: %w", ErrReply, err)
			}
		case sale.NoJoin:
			if outcomes[i] != 'm' {
				return fmt.Errorf("%w: join outcome %q", ErrReply, outcomes[i])
			}
			e.err = ErrFull
		}
	}
	return nil
}
