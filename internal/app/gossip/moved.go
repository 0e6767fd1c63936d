package gossip

import (
	"context"
	"fmt"
	"net"
	"time"

	"onsale/internal/pause"
)

// lookEvery is the time between two looks at this machine's addresses. Raised, others try a lost address
// for longer; lowered, the kernel is asked more often.
const lookEvery = time.Second

// Moved returns an error once this machine has lost the address that it is reached at and has another one, as a container has
// that was taken off its network and put back: see network.moved. It returns nil when ctx ends.
func Moved(ctx context.Context, listen string) error { return thisMachine.moved(ctx, listen) }

// moved watches the address that reachable gives for a listening address. All others know the old one, in Redis, gossip and
// Nginx, so the process has to end and to be started again. An address that the operator named is not watched, and an
// address that is only away, such as that of a link that is down, is awaited.
func (n network) moved(ctx context.Context, listen string) error {
	first, err := n.reachable(listen)
	if err != nil || first == listen {
		<-ctx.Done()
		return nil
	}
	for pause.Together(ctx, lookEvery) {
		now, err := n.reachable(listen)
		if err == nil && now != first && !n.has(first) {
			return fmt.Errorf("this machine was reached at %s, and has only %s now: the program has to be started again", first, now)
		}
	}
	return nil
}

// has reports whether a link of this machine has the address of host:port, or whether that is not known.
func (n network) has(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	links, err := n.links()
	if err != nil {
		return true
	}
	for _, l := range links {
		for _, a := range l.addrs {
			if on, ok := a.(*net.IPNet); ok && on.IP.Equal(ip) {
				return true
			}
		}
	}
	return false
}
