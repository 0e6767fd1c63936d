package membership

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/memberlist"

	"onsale/internal/pause"
)

const (
	// quietGossip is how many times slower than Config.Gossip memberlist itself sends news on: each time wakes the process,
	// whether there is news or not, and costs an idle one more than all its other work. What can't wait, a pulse sends.
	// Raised, members that join are seen later; lowered, idle members cost more.
	quietGossip = 10
	// pulseRounds is how many rounds a pulse has. memberlist sends each piece of news 8 times among 10 to 99 members, and 12
	// times above. Raised, more is sent for nothing; lowered, the rest waits for memberlist's own pace.
	pulseRounds = 4
	// pulseMembers is how many members a round goes to.
	pulseMembers = 3
)

// pulse sends news that can't wait: a crash, a departure, and what this member announces of itself.
type pulse struct {
	wanted chan struct{} // capacity 1
}

func newPulse() *pulse { return &pulse{wanted: make(chan struct{}, 1)} }

// begin has news sent from now on, for pulseRounds rounds.
func (p *pulse) begin() { notify(p.wanted) }

// run pulses whenever that is wanted, until ctx ends.
func (p *pulse) run(ctx context.Context, every time.Duration, round func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wanted:
		}
		for range pulseRounds {
			round()
			if !pause.For(ctx, every) {
				return
			}
		}
	}
}

// sendNews asks some members whether they live. memberlist adds the news that waits to each packet.
func (g *Gossip) sendNews(list *memberlist.Memberlist) {
	ask := pingOnce(list)
	for _, n := range g.members.some(pulseMembers) {
		g.asking.Go(func() { ask(n) })
	}
}

// some are that many other members, chosen at random, or all there are.
func (m *members) some(count int) (chosen []memberlist.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]memberlist.Node, 0, len(m.byName))
	for name, p := range m.byName {
		if name != m.self {
			all = append(all, p.node)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(count, len(all))]
}
