package strategy

import "context"

var lockedEntry = Entry{
	Name:  "locked-call",
	Title: "Local and Redis stock under one lock",
	About: "The process counts its own stock and asks Redis, by the script of redis-lua, only while that lasts. One lock guards " +
		"the count and is held across the call, so a process has one call under way at a time.",
	Durable: true,
	Lacks:   []string{"the order again after the end: once the count is at 0, a buyer who asks again is answered sold out"},
	Stores:  Stores{Redis: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		s, err := newStore(ctx, c)
		if err != nil {
			return nil, err
		}
		l := locked{script: script{s}, counts: make(chan map[string]int64, 1)}
		l.counts <- map[string]int64{}
		return l, nil
	},
}

// locked is the design of a well-known article on selling train tickets: stock on
// each server, the total in Redis, and a channel of one slot as the lock.
type locked struct {
	script
	counts chan map[string]int64 // the local stock by sale; receiving it is taking the lock
}

// Buy implements Strategy.
func (l locked) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	var counts map[string]int64
	select {
	case counts = <-l.counts:
	case <-ctx.Done():
		return Conflict, "", nil // it never got to the head of the line
	}
	defer func() { l.counts <- counts }()
	count, known := counts[name]
	if !known {
		var err error
		if count, err = l.Remaining(ctx, name); err != nil {
			return NoOutcome, "", err
		}
		counts[name] = count
	}
	if count <= 0 {
		return SoldOut, "", nil
	}
	o, order, err := l.script.Buy(ctx, name, buyer)
	switch o {
	case Sold:
		counts[name] = count - 1
	case SoldOut: // another process sold the rest
		counts[name] = 0
	}
	// After an error the count stays: too high it costs a call, too low it would
	// answer sold out while tickets are left.
	return o, order, err
}
