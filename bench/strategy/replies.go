package strategy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// decision is what the seller made of a request.
type decision struct {
	outcome Outcome
	order   string
	err     error
}

// noSale is the word for a request for what is not on sale, beside the names of outcomes.
const noSale = "no-sale"

// text is a line of a message, for the request of that id.
func (d decision) text(id string) string {
	word := d.outcome.String()
	if d.err != nil {
		word = noSale
	}
	return id + " " + word + " " + d.order + "\n"
}

// decisionOf reads the line.
func decisionOf(line string) (id string, d decision) {
	id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	word, order, _ := strings.Cut(rest, " ")
	d = decision{outcome: outcomes[word], order: order}
	if d.outcome == NoOutcome {
		d.err = fmt.Errorf("answer: %w: the seller answered %q", sale.ErrUnknown, word)
	}
	if word == noSale {
		d.err = fmt.Errorf("answer: %w", sale.ErrNoSale)
	}
	return id, d
}

// replies are the answers to one process's requests, one message for all of a seller's turn.
// A message is lost where nobody is subscribed, so nothing is asked for meanwhile,
// and what had been asked for when a subscription broke is unknown at once.
type replies struct {
	channel string
	sub     *redis.PubSub
	ended   chan struct{}
	quit    chan struct{}
	close   func()

	mu      sync.Mutex
	waiting map[string]chan decision // by request; nil: not subscribed
}

// newReplies subscribes. Its caller closes it, which may be done twice.
func newReplies(ctx context.Context, client redis.UniversalClient) (*replies, error) {
	r := &replies{channel: "strategy:replies:" + newID().String(), ended: make(chan struct{}), quit: make(chan struct{})}
	r.sub = client.Subscribe(ctx, r.channel)
	if _, err := r.sub.Receive(ctx); err != nil {
		return nil, errors.Join(err, r.sub.Close())
	}
	r.waiting = map[string]chan decision{}
	go r.run()
	r.close = sync.OnceFunc(func() {
		close(r.quit)
		_ = r.sub.Close() // it only ends the subscription, which the server notices
		<-r.ended
	})
	return r, nil
}

// again is how long it is until a broken connection is tried once more.
const again = 20 * time.Millisecond

// run distributes what comes, until the subscription is closed.
func (r *replies) run() {
	defer close(r.ended)
	for {
		message, err := r.sub.Receive(context.Background())
		switch m := message.(type) {
		case *redis.Subscription:
			r.subscribed()
		case *redis.Message:
			r.distribute(m.Payload)
		}
		if err == nil {
			continue
		}
		r.broken(err)
		select {
		case <-r.quit:
			return
		case <-time.After(again):
		}
	}
}

func (r *replies) subscribed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[string]chan decision{}
	}
}

// broken has everybody know that their answers may have been lost.
func (r *replies) broken(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.waiting {
		c <- decision{err: fmt.Errorf("answer: %w: %w", sale.ErrUnknown, err)}
	}
	r.waiting = nil
}

func (r *replies) distribute(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(message) {
		id, d := decisionOf(line)
		if c, ok := r.waiting[id]; ok {
			delete(r.waiting, id)
			c <- d // it has room for one, and gets one
		}
	}
}

// expect returns where the decision about the request will be, which is not sent yet.
// It is sale.ErrUnavailable while there is no subscription.
func (r *replies) expect(id string) (<-chan decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		return nil, fmt.Errorf("%w: not subscribed to answers", sale.ErrUnavailable)
	}
	c := make(chan decision, 1)
	r.waiting[id] = c
	return c, nil
}

// forget ends expect.
func (r *replies) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}
