package node

import (
	"context"
	"errors"
	"time"

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

// watchDoor takes the node out of the upstream while buyers can't connect to it, and logs that once.
func (n *Node) watchDoor(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for was := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		short := n.door.Short()
		if short == was {
			continue
		}
		was = short
		n.gossip.SetReady(n.shop.Ready() && !short)
		if short {
			n.log.Error("no room for another buyer: every place or file descriptor is taken", zap.Int("connections", n.door.Open()), zap.Int("places", n.door.Most()))
		} else {
			n.log.Info("there is room for buyers again")
		}
	}
}
