package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

var (
	// ErrNameTaken: another live instance holds the name. Returned by
	// Name.Acquire, after it has waited for longer than a dead one's key lives.
	ErrNameTaken = errors.New("the node name is held by another live instance")
	// ErrNameLost: another instance took the name while this one was paused or
	// cut off; this one must stop. Returned by Name.Run.
	ErrNameLost = errors.New("the node name was taken over by another instance")
)

// nameTTL is how long a name outlives its holder. Raised, a node killed and
// restarted at once waits longer for its name; lowered, a shorter pause of
// process or Redis lets another instance take it.
const nameTTL = 3 * time.Second

// holdScript claims a name and renews it alike, so that neither ever touches
// another instance's key, a vanished key is simply claimed again, and a call
// whose answer was lost can be repeated.
//
//	KEYS[1] the name    ARGV[1] instance    ARGV[2] time to live, milliseconds
//	reply: 1 the name is this instance's, 0 it is another's
var holdScript = redis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

// releaseScript deletes the key only if it is still this instance's.
//
//	KEYS[1] the name    ARGV[1] instance
//	reply: 1 released, 0 it was not this instance's
var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
`)

// Name holds a node's name by a Redis key that lives for three seconds and is
// renewed three times in that span. First Acquire, then Run.
type Name struct {
	client   redis.Scripter
	node     string
	key      string
	instance string // this process's, so that a restart is another instance
	ttl      time.Duration
	log      *zap.Logger
	away     bool // Redis did not answer the last call; Acquire's and then Run's
	taken    bool // it was this instance's at least once; Acquire's and then Run's
}

// NewName returns the guard of the node's name. It does not call Redis.
func NewName(client redis.Scripter, node string, log *zap.Logger) *Name {
	return &Name{
		client:   client,
		node:     node,
		key:      "onsale:name:" + node,
		instance: uuid.NewString(),
		ttl:      nameTTL,
		log:      log.With(zap.String("node", node)),
	}
}

// Acquire returns once this instance holds the name. A name that another
// instance holds is asked for again until a dead one's key would have lapsed;
// then the error is ErrNameTaken. While Redis does not answer, Acquire keeps
// asking. When ctx ends it returns ctx's error.
func (n *Name) Acquire(ctx context.Context) error {
	var refused time.Time // when the name was first found taken
	tick := time.NewTicker(n.ttl / 10)
	defer tick.Stop()
	for {
		held, err := n.hold(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("node name %q: %w", n.node, ctx.Err())
		case held:
			return nil
		case err != nil:
			// hold has logged it, and asking again is all there is to do.
		case refused.IsZero():
			refused = time.Now()
			n.log.Info("node name is taken; waiting for it to lapse", zap.Duration("for", n.patience()))
		case time.Since(refused) > n.patience():
			return fmt.Errorf("node name %q: %w: stop that one, or start this one under another name", n.node, ErrNameTaken)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Run renews the name until ctx ends; then it releases it and returns nil. It
// returns ErrNameLost when it finds the name in another instance's hands. While
// Redis does not answer, Run keeps asking.
func (n *Name) Run(ctx context.Context) error {
	tick := time.NewTicker(n.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			n.release(context.WithoutCancel(ctx))
			return nil
		}
		held, err := n.hold(ctx)
		if err == nil && !held {
			return fmt.Errorf("node name %q: %w", n.node, ErrNameLost)
		}
	}
}

// patience is what a dead instance's key may still live, and a second more.
func (n *Name) patience() time.Duration { return n.ttl + n.ttl/3 }

// hold claims or renews the name and reports whether it is this instance's.
// It logs when Redis stops and resumes answering.
func (n *Name) hold(ctx context.Context) (bool, error) {
	call, cancel := context.WithTimeout(ctx, n.ttl/3)
	defer cancel()
	held, err := holdScript.Run(call, n.client, []string{n.key}, n.instance, n.ttl.Milliseconds()).Bool()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	switch {
	case err != nil && !n.away && !n.taken:
		n.log.Warn("Redis does not answer, so the node name can't be taken yet; trying on", zap.Error(err))
	case err == nil && n.away && !n.taken:
		n.log.Info("Redis answers, so the node name can be asked for")
	case err != nil && !n.away:
		n.log.Warn("node name can't be renewed; trying on", zap.Error(err))
	case err == nil && n.away:
		n.log.Info("node name can be renewed again")
	}
	n.away, n.taken = err != nil, n.taken || held
	return held, err
}

// release gives the name back at once. Should that fail it lapses by itself,
// and a successor waits a little longer.
func (n *Name) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.ttl/3)
	defer cancel()
	if err := releaseScript.Run(ctx, n.client, []string{n.key}, n.instance).Err(); err != nil {
		n.log.Warn("node name not released; it lapses by itself", zap.Error(err))
	}
}
