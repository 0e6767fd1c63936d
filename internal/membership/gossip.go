package membership

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Gossip is one member of the cluster. Everything but Run may be called at
// any time, from any goroutine, and returns at once.
type Gossip struct {
	cfg     Config
	log     *zap.Logger
	local   *local
	members *members
	news    *news
	keyring *memberlist.Keyring // nil: gossip is in the clear
	probes  *probes
	pulse   *pulse
	asking  sync.WaitGroup // the members that a pulse asks

	started chan struct{} // closed once address is set
	address string

	// transport is nil, and Run opens one, except in tests: they put one here that can be cut.
	transport memberlist.Transport
}

// New returns a member that has not started. It fails if and only if the
// configuration does. Without a registry every member is taken for the node that it claims to be.
func New(cfg Config, registry Registry, log *zap.Logger, hooks Hooks) (*Gossip, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	keyring, err := newKeyring(cfg.Keys)
	if err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	log = log.With(zap.String("node", cfg.Name))
	news := newNews(log, hooks)
	g := &Gossip{
		cfg:     cfg,
		log:     log,
		local:   newLocal(cfg.selfMeta()),
		members: newMembers(cfg, registry, news),
		news:    news,
		keyring: keyring,
		started: make(chan struct{}),
		pulse:   newPulse(),
	}
	g.probes = newProbes(g.View)
	return g, nil
}

// Run listens, joins the seeds and gossips until ctx ends; then it announces its
// departure and returns nil. That takes some Probe intervals. If no member answers,
// it takes up to three Leave times and a stream timeout for each address of
// a seed. It returns an error at once if it can't listen or can't resolve what
// it should advertise. It may be called once.
func (g *Gossip) Run(ctx context.Context) error {
	g.members.urgent = g.pulse.begin
	list, err := g.create(ctx)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var reporting, working sync.WaitGroup
	reporting.Go(func() { g.news.deliver(done) })
	working.Go(func() { g.keepJoining(ctx, list) })
	working.Go(func() { g.members.confirm(ctx) })
	working.Go(func() { g.members.verify(ctx, pings(list), g.cfg.Probe) })
	// Pulses go on until the departure is announced.
	pulsing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	reporting.Go(func() { g.pulse.run(pulsing, g.cfg.Gossip, func() { g.sendNews(list) }) })

	g.announceChanges(ctx, list)

	// This goroutine announces the departure, because memberlist does not allow
	// two updates of the local member at once.
	g.leave(list)
	stop()
	working.Wait()
	err = g.shutdown(list)
	close(done)
	reporting.Wait()
	g.asking.Wait()
	return err
}

// Started is closed when the member listens and LocalAddr is known.
func (g *Gossip) Started() <-chan struct{} { return g.started }

// LocalAddr is the host:port that the others reach this member at, empty
// until it has started.
func (g *Gossip) LocalAddr() string {
	select {
	case <-g.started:
		return g.address
	default:
		return ""
	}
}

// View is every live node, sorted by name, this member included if it is one.
// It is empty until Run has started and the view has settled, and must not be changed.
func (g *Gossip) View() sale.View {
	if !g.members.settled.Load() {
		return sale.View{}
	}
	return *g.members.view.Load()
}

// Changed receives after the view has changed. It holds one signal, so a burst
// of changes is one signal; there is one channel, so there can be one reader.
func (g *Gossip) Changed() <-chan struct{} { return g.members.changed }

// SetReady announces whether this node sells.
func (g *Gossip) SetReady(ready bool) {
	g.local.update(func(m *meta) { m.Ready = ready })
}

// SetDraining announces that this member is about to leave on purpose. It can't
// be undone.
func (g *Gossip) SetDraining() {
	g.local.update(func(m *meta) { m.Draining = true })
}

// SetDrained announces that an operator has taken this node out, or lets it return; idle, that no buyer asks it
// any more.
func (g *Gossip) SetDrained(drained, idle bool) {
	g.local.update(func(m *meta) { m.Drained, m.Idle = drained, drained && idle })
}

// SetWeight announces this node's new weight. A weight outside 1 to
// MaxWeight is refused with an error, because the others would ignore it.
// Allocators have no weight and ignore the call.
func (g *Gossip) SetWeight(weight int) error {
	if err := checkWeight(weight); err != nil {
		return fmt.Errorf("membership: %w", err)
	}
	g.local.update(func(m *meta) {
		if m.Role == RoleNode {
			m.Weight = weight
		}
	})
	return nil
}

// create opens the sockets and starts memberlist.
func (g *Gossip) create(ctx context.Context) (*memberlist.Memberlist, error) {
	conf, err := g.memberlistConfig(ctx)
	if err != nil {
		return nil, err
	}
	list, err := memberlist.Create(conf)
	if err != nil { // the sockets are still open in some of its failures
		return nil, fmt.Errorf("membership: gossip on %s: %w", g.cfg.Bind, errors.Join(err, conf.Transport.Shutdown()))
	}
	g.address = list.LocalNode().Address()
	close(g.started)
	return list, nil
}

// announceChanges passes on what the setters change, until ctx ends.
func (g *Gossip) announceChanges(ctx context.Context, list *memberlist.Memberlist) {
	for {
		select {
		case <-g.local.changed:
			g.announce(ctx, list)
		case <-ctx.Done():
			return
		}
	}
}

// announce sends the local meta until memberlist has taken it. memberlist drops an
// update silently when a refutation overtakes it, so we look.
func (g *Gossip) announce(ctx context.Context, list *memberlist.Memberlist) {
	for ctx.Err() == nil && !g.announced(list) {
		g.update(list)
	}
}

// announced reports whether memberlist has the local meta.
func (g *Gossip) announced(list *memberlist.Memberlist) bool {
	return bytes.Equal(list.LocalNode().Meta, g.local.NodeMeta(memberlist.MetaMaxSize))
}

// update sends the local meta, and returns when it was sent to some members.
func (g *Gossip) update(list *memberlist.Memberlist) {
	g.pulse.begin()
	if err := list.UpdateNode(g.cfg.Leave); err != nil {
		g.log.Debug("gossip update is slow to spread", zap.Error(err))
	}
}

// departures is how often a member that stops announces that it drains, unless it did before. Gossip is sent to peers
// chosen at random, and the departure that follows replaces it wherever it is still to be sent on: announced once, it
// missed a member of five in one of 50 departures, which took this one for failed.
const departures = 3

// leave announces the departure: draining first, so that it is not taken for a crash.
func (g *Gossip) leave(list *memberlist.Memberlist) {
	g.SetDraining()
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.Leave)
	defer cancel()
	if !g.announced(list) {
		g.announce(ctx, list)
		for n := 1; n < departures && ctx.Err() == nil; n++ {
			g.update(list)
		}
	}
	g.pulse.begin()
	if err := list.Leave(g.cfg.Leave); err != nil {
		g.log.Info("gossip departure not announced; the others will find out", zap.Error(err))
	}
}

// shutdown closes the sockets, and waits for the probe that may be under way,
// because memberlist does not: it ends when its interval does, which a member
// that finds itself slow stretches by its score.
func (g *Gossip) shutdown(list *memberlist.Memberlist) error {
	g.members.close()
	probe := g.cfg.Probe * time.Duration(list.GetHealthScore()+1)
	if err := list.Shutdown(); err != nil {
		return fmt.Errorf("membership: shut down: %w", err)
	}
	time.Sleep(probe)
	return nil
}

// streamTimeout bounds every TCP exchange. Raised, a black-holed seed holds up
// the others' turns and Run's end; lowered, a busy member's answer comes late.
const streamTimeout = 2 * time.Second
