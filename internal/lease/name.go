package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/keyspace"
	"onsale/internal/pause"
	"onsale/lua"
)

var (
	// ErrNameTaken: another live instance holds the name. Returned by
	// Name.Acquire, after it has waited for longer than a dead one's lease lasts.
	ErrNameTaken = errors.New("the node name is held by another live instance")
	// ErrNameLost: another instance took the name while this one was paused or
	// cut off; this one must stop. Returned by Name.Run.
	ErrNameLost = errors.New("the node name was taken over by another instance")
)

// nameTTL is how long a name outlives its holder. Raised, a node killed and
// restarted at once waits longer for its name; lowered, a shorter pause of
// process or Redis lets another instance take it.
const nameTTL = 3 * time.Second

// The kinds of failures of a name.
var (
	notTaken = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "Redis does not answer, so the node name can't be taken yet; trying on", Over: "Redis answers, so the node name can be asked for"}
	notRenewed    = &failurelog.Kind{Level: zap.WarnLevel, Begins: "node name can't be renewed; trying on", Over: "node name can be renewed again"}
	notRegistered = &failurelog.Kind{Level: zap.WarnLevel,
		Begins: "node can't be registered, so operators can't find its admin port; trying on", Over: "node is registered again"}
)

// Client is the part of a go-redis client that a name needs.
type Client interface {
	lua.Client
	Pipeline() redis.Pipeliner
}

// Name holds a node's name by a lease of three seconds that is renewed three
// times in that span, and keeps the node in the registry [Nodes] meanwhile.
// First Acquire, then Run.
//
// Unlike a [Holder], it does not stop when the lease ends: as long as no other
// instance has taken the name, nothing is lost.
type Name struct {
	client Client
	lease  *Lease
	member *Member
	node   string
	ttl    time.Duration
	log    *zap.Logger

	// The rest belongs to Acquire, and then to Run.

	failures *failurelog.Log[string] // of taking and renewing the name, and of the registration
	taken    bool                    // the name was this instance's at least once
}

// NewName returns the guard of the node's name, which the registry then lists
// with its addresses. It does not call Redis.
func NewName(client Client, prefix keyspace.Prefix, node, addresses string, log *zap.Logger) *Name {
	return newName(client, prefix, node, addresses, nameTTL, log)
}

func newName(client Client, prefix keyspace.Prefix, node, addresses string, ttl time.Duration, log *zap.Logger) *Name {
	log = log.With(zap.String("node", node))
	// This process's, so that a restart is another instance.
	instance := uuid.NewString()
	return &Name{
		client:   client,
		lease:    New(client, prefix, "node:"+node, instance, ttl),
		member:   Nodes(client, prefix).Member(node, addresses, ttl),
		node:     node,
		ttl:      ttl,
		log:      log,
		failures: failurelog.New[string](log, nil),
	}
}

// Acquire returns once this instance holds the name. A name that another
// instance holds is asked for again until a dead one's lease would have ended;
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
	for pause.Together(ctx, n.ttl/3) {
		held, err := n.hold(ctx)
		if err == nil && !held {
			return fmt.Errorf("node name %q: %w", n.node, ErrNameLost)
		}
	}
	n.release(context.WithoutCancel(ctx))
	return nil
}

// patience is what a dead instance's lease may still last, and a second more.
func (n *Name) patience() time.Duration { return n.ttl + n.ttl/3 }

// hold claims or renews the name, and reports whether it is this instance's. If it is, the registry
// lists the node: who holds the name sells, also while the registry does not answer. It logs when
// Redis stops and resumes answering.
func (n *Name) hold(ctx context.Context) (bool, error) {
	held, registered, err := n.ask(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var kind *failurelog.Kind
	switch {
	case err != nil && n.taken:
		kind = notRenewed
	case err != nil:
		kind = notTaken
	}
	n.failures.Note("name", kind, err)
	n.taken = n.taken || held
	switch {
	case !held:
	case registered != nil:
		n.failures.Note("registration", notRegistered, registered)
	default:
		n.failures.Note("registration", nil, nil)
	}
	return held, err
}

// ask claims or renews the name. registered is what became of the registration, if the name is held.
func (n *Name) ask(ctx context.Context) (held bool, registered, err error) {
	ctx, cancel := context.WithTimeout(ctx, n.ttl/3)
	defer cancel()
	if n.taken {
		// Both in one round trip, as every second of every node wakes it for this.
		name, listed := n.lease.renewal(ctx), n.member.renewal(ctx)
		p := n.client.Pipeline()
		_, _ = p.Process(ctx, name), p.Process(ctx, listed) // queued
		_, _ = p.Exec(ctx)                                  // each command has its own error
		if !lua.Missing(name.Err()) && !lua.Missing(listed.Err()) {
			_, held, err = n.lease.parse(name.Slice())
			_, _, registered = n.member.registry.parse(listed.Slice())
			if err == nil && !held {
				// The successor's entry may have been replaced; it is back with the next renewal.
				_ = n.member.Leave(ctx) // or it lapses
			}
			return held, registered, err
		}
	}
	if _, held, err = n.lease.Acquire(ctx); held {
		_, registered = n.member.Register(ctx)
	}
	return held, registered, err
}

// release gives the name back at once, and leaves the registry. Should that
// fail both lapse by themselves, and a successor waits a little longer.
func (n *Name) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.ttl/3)
	defer cancel()
	if err := errors.Join(n.member.Leave(ctx), n.lease.Release(ctx)); err != nil {
		n.log.Warn("node name not released; it lapses by itself", zap.Error(err))
	}
}
