package node

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/pause"
)

// Unready is why the node should get no buyers, or nil.
func (n *Node) Unready() error {
	switch {
	case n.leaving.Load():
		return errors.New("it is draining")
	case n.set.drained.Load():
		return errors.New("an operator has drained it: onsale node undrain lets it return")
	case !n.serving.Load():
		return cmp.Or(n.buyers.unready(), errors.New("it is starting"))
	case n.door.Short():
		return errors.New("it has no place or no file descriptor for another connection")
	}
	return n.catalog.Unready()
}

// noRoom is logged when the node can take no other connection.
var noRoom = &failurelog.Kind{Level: zap.ErrorLevel,
	Begins: "no room for another buyer: every place or file descriptor is taken", Over: "there is room for buyers again"}

// watchDoor takes the node out of the upstream while buyers can't connect to it, and logs that once.
// It sleeps until a buyer is turned away.
func (n *Node) watchDoor(ctx context.Context) error {
	failures := failurelog.New[string](n.log, nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.door.TurnedAway():
		}
		n.gossip.SetReady(false)
		failures.Note("", noRoom, nil, zap.Int("connections", n.door.Open()), zap.Int("places", n.door.Most()))
		for n.door.Short() {
			if !pause.For(ctx, 100*time.Millisecond) {
				return nil
			}
		}
		n.gossip.SetReady(n.catalog.Ready())
		failures.Note("", nil, nil)
	}
}
