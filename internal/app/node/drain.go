package node

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// drainLimit bounds how long requests under way may take at shutdown: a claim's
// patience and one call more.
const drainLimit = 3 * time.Second

// drain is the part of the shutdown that buyers would notice if it were missing.
func (n *Node) drain(ctx context.Context) {
	n.leaving.Store(true)
	n.gossip.SetDraining()
	n.handler.Drain()
	if ctx.Err() != nil && n.serving.Load() {
		n.log.Info("draining", zap.Duration("delay", n.config.DrainDelay))
		time.Sleep(n.config.DrainDelay)
	}
	limit, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	if err := n.server.ShutdownWithContext(limit); err != nil {
		n.log.Warn("requests were still under way at the end of the drain", zap.Error(err))
	}
}
