package node

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/pause"
)

// restAfter is how long no buyer has asked for anything when a node rests. Raised, it costs more
// after each request; lowered, processors come and go more often.
const restAfter = 10 * time.Second

// rest lets a process that nobody asks use one processor. Gossip and Redis wake a node dozens of
// times a second, and with each of these the runtime looks on other processors for more to do: a
// third of what an idle node costs.
type rest struct {
	asked atomic.Bool // since the last look

	mu      sync.Mutex
	all     int // processors, while one is used; otherwise 0
	setting func(n int) (before int)
}

// Rest has the node use one processor while no buyer asks for anything. It is for a process that
// is nothing but this node. It must be called before Run.
func (n *Node) Rest() {
	n.resting = newRest(setProcessors)
}

// asked is for every request of a buyer, before anything else.
func (n *Node) asked() {
	n.set.ask()
	if n.resting != nil {
		n.resting.wake()
	}
}

func newRest(setting func(n int) (before int)) *rest { return &rest{setting: setting} }

// setProcessors keeps to the environment's number, or else to the runtime's, which follows the
// limit of a container.
func setProcessors(n int) (before int) {
	before = runtime.GOMAXPROCS(0)
	if n > 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.SetDefaultGOMAXPROCS()
	} else {
		runtime.GOMAXPROCS(n)
	}
	return before
}

// wake has all processors used. A request costs one load of an atomic, but for the first since the last look.
func (r *rest) wake() {
	if r.asked.Load() {
		return
	}
	r.asked.Store(true) // before the lock: a look under way sees it, or is undone
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all > 0 {
		r.setting(r.all)
		r.all = 0
	}
}

// look has one processor used if nobody has asked since the last look.
func (r *rest) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked.Swap(false) && r.all == 0 {
		if all := r.setting(1); all > 1 {
			r.all = all
		}
	}
}

// run looks again and again until ctx ends.
func (r *rest) run(ctx context.Context, every time.Duration) error {
	defer r.wake()
	for pause.Together(ctx, every) {
		r.look()
	}
	return nil
}
