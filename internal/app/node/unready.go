package node

import (
	"context"
	"errors"
	"time"

	"onsale/internal/failurelog"

	"go.uber.org/zap"
)

// Unready is why the node should get no buyers, or nil.
func (n *Node) Unready() error {
	switch {
	case n.leaving.Load():
		return errors.New("it is draining")
	case !n.serving.Load():
		return errors.New("it is starting")
	case n.door.Short():
		return errors.New("it has no place or no file descriptor for another connection")
	}
	return n.shop.Unready()
}

// noRoom is logged when the node can take no other connection.
var noRoom = &failurelog.Kind{Level: zap.ErrorLevel,
	Begins: "no room for another buyer: every place or file descriptor is taken", Over: "there is room for buyers again"}

// watchDoor takes the node out of the upstream while buyers can't connect to it, and logs that once.
func (n *Node) watchDoor(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	failures := failurelog.New[string](n.log, nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		short := n.door.Short()
		var kind *failurelog.Kind
		if short {
			kind = noRoom
		}
		if failures.Note("", kind, nil, zap.Int("connections", n.door.Open()), zap.Int("places", n.door.Most())) {
			n.gossip.SetReady(n.shop.Ready() && !short)
		}
	}
}
