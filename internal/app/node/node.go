package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/adminport"
	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/buyerapi"
	"onsale/internal/checkout"
	"onsale/internal/lease"
	"onsale/internal/membership"
	"onsale/internal/pause"
	"onsale/internal/payment"
	"onsale/internal/ratelimit"
	"onsale/internal/reconcile"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
	"onsale/internal/tracing"
)

// Knows reports whether the node has read the sale.
func (n *Node) Knows(id sale.ID) bool {
	_, known := n.catalog.Seller(id)
	return known
}

// Node is one selling node, wired.
type Node struct {
	config  Config
	log     *zap.Logger
	level   *zap.AtomicLevel // nil: nobody may change it
	plain   *zap.Logger      // without the node's name, for those who add it themselves
	client  redis.UniversalClient
	gossip  *membership.Gossip
	name    *lease.Name
	catalog *checkout.Catalog
	store   *remotestock.Store
	site    remotestock.Site
	keys    *gossip.KeyFile
	tokens  adminapi.Tokens // the operators'; none: nobody may ask what the node remembers
	buyers  *identity       // whose tokens identify them
	handler *buyerapi.Handler
	limiter *ratelimit.Limiter
	server  *buyerapi.Servers
	metrics *telemetry.Metrics
	tracer  *tracing.Tracer // nil: nothing is traced
	door    *buyerapi.Door
	serving atomic.Bool // the buyers' port is open
	leaving atomic.Bool
	on      Switches
	resting *rest // nil where other things run in this process, too
	set     operated
	answers answers
}

// New wires a node. It starts nothing and fails on a configuration that
// can't work.
func New(config Config, log *zap.Logger) (*Node, error) { return newNode(config, log, Switches{}) }

func newNode(config Config, log *zap.Logger, on Switches) (*Node, error) {
	remotestock.SetLog(log)
	n := &Node{config: config, on: on, log: log.With(zap.String("node", config.Name)), plain: log, metrics: telemetry.New()}
	if err := errors.Join(config.Redis.CheckAddresses(config.Admin), app.Addresses{"--listen": {config.Listen}}.Check(true),
		app.Addresses{"--advertise": app.Given(config.Advertise)}.Check(false)); err != nil {
		return nil, err
	}
	buyers, err1 := config.Identity.identity(n.metrics, on.Metrics, n.log)
	advertise, err2 := gossip.Reachable(cmp.Or(config.Advertise, config.Listen))
	member, err3 := config.Gossip.Config(config.Name, membership.RoleNode, config.InsecureGossip)
	operators, err5 := config.Operators.Tokens()
	n.tokens, n.site, n.buyers = operators, config.Site.Site(), buyers
	n.keys = gossip.NewKeyFile(config.Gossip, member.Keys)
	var secrets payment.Secrets
	var err4 error
	if config.Webhooks != "" {
		secrets, err4 = payment.LoadSecrets(config.Webhooks)
	}
	member.Node = sale.Node{Address: advertise, Weight: config.Weight}
	commit := remotestock.DefaultCommitConfig()
	store := config.redis()
	commit.Batch, commit.Calls = config.Batch, config.Calls
	var err6 error
	n.tracer, err6 = config.Traces.Tracer("node", config.Name, n.log)
	var err7 error
	n.limiter, err7 = config.Limits.limiter()
	places, err8 := config.places(buyers)
	proofs, err9 := config.Proofs.Verifier(n.log, n.unjudged())
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, commit.Validate(), store.Validate(), member.Validate(), err8, err9); err != nil {
		return nil, err
	}
	if err := n.wire(store, commit, member, places, secrets); err != nil {
		return n, err
	}
	n.handler.Demand(proofs)
	n.measureProofs(proofs)
	n.handler.SignIn(config.Identity.SignIn)
	return n, nil
}

func (n *Node) wire(redisConfig remotestock.Config, commit remotestock.CommitConfig, member membership.Config, places buyerapi.Places, secrets payment.Secrets) (err error) {
	connections, err := app.Places(redisConfig.Pool, n.config.Connections)
	if err != nil {
		return err
	}
	n.door = buyerapi.NewDoor(connections)
	if n.client, err = remotestock.Dial(redisConfig); err != nil {
		return err
	}
	if n.gossip, err = membership.New(member, gossip.Registry{Client: n.client, Prefix: n.config.Redis.Prefix}, n.plain, membership.Hooks{}); err != nil {
		return err
	}
	n.name = lease.NewName(n.client, n.config.Redis.Prefix, n.config.Name, app.Registration(gossip.Beside(n.config.Admin, member.Node.Address), member.Node.Address), n.plain)
	hooks, local, buyers := n.hooks()
	n.answers.member = lease.NewRegistry(n.client, n.config.Redis.Prefix, "answers").Member(n.config.Name, "", reported)
	hooks.Traced = n.tracer.Deduct()
	hooks.Reconciled = func(id sale.ID, epoch int64) { n.catalog.Reconciled(id, epoch) }
	store := remotestock.New(n.client, n.config.Name, redisConfig, hooks, n.log)
	n.store = store
	remote := func(id sale.ID, d *checkout.Seller) checkout.Remote { return newCommits(store, id, d, commit) }
	config := checkout.DefaultConfig()
	config.Patience, config.Wait = redisConfig.Patience, pause.Together
	n.catalog = checkout.NewCatalog(store, store, remote, n.weights, config, checkout.Hooks{
		Local:    local,
		Archived: n.metrics.Forget,
		Ready: func(ready bool) {
			n.gossip.SetReady(ready && !n.door.Short())
		},
	}, n.log)
	buyers.Asked, buyers.Traced = n.asked, n.purchases()
	n.handler = buyerapi.New(sales{n.catalog}, n.buyers, places, secrets, n.limiter, buyers, n.log)
	if n.config.Requests > 0 {
		n.handler.Bound(n.config.Requests)
	}
	n.scraped()
	// Longer than Nginx keeps idle connections to nodes (30 s), see NewServer.
	n.server = buyerapi.NewServers(n.handler, time.Minute, buyerapi.Roomy)
	return nil
}

// Adjustable has operators change the level of the log while the node runs. It must be called before Run.
func (n *Node) Adjustable(level zap.AtomicLevel) { n.level = &level }

// sales is the catalog as the buyers' API wants it.
type sales struct{ *checkout.Catalog }

func (s sales) Seller(id sale.ID) (buyerapi.Seller, bool) { return s.Catalog.Seller(id) }

// weights are this node's and that of all selling nodes, itself included even
// where gossip does not count it yet.
func (n *Node) weights() (own, all int) {
	own = n.set.weight(n.config.Weight)
	view := n.gossip.View()
	all = view.Weight()
	for _, other := range view.Selling() {
		if other.Name == n.config.Name {
			return own, all
		}
	}
	return own, all + own
}

// holds is what the node remembers of a sale.
func (n *Node) holds(id sale.ID) adminapi.Holds {
	h := adminapi.Holds{Node: n.config.Name, Sale: id, Seen: n.store.Seen(id), Holds: []reconcile.Hold{}}
	for _, r := range n.catalog.Remembered(id) {
		h.Holds = append(h.Holds, reconcile.Hold{Order: r.Order, Mark: r.Mark, Again: r.Again, Life: n.store.Life(id), Node: n.config.Name})
	}
	return h
}

// Run sells until ctx ends, and then drains: it announces that, serves on while
// Nginx leaves, finishes what is under way, and goes. It returns an error if
// it could not start, or if a part of it stopped by itself.
//
// The buyers' port opens last, when the node holds its name and knows what is
// on sale. Nginx may still name a node that was killed and starts again: until
// then it is refused at once and asks another, instead of waiting in the
// backlog of a node that can't answer.
func (n *Node) Run(ctx context.Context) error {
	defer n.client.Close()
	admin, err := adminport.Listen(n.config.Admin)
	if err != nil {
		return err
	}
	mux := n.metrics.AdminMux(n.Unready, n.store.Notes)
	if err := errors.Join(adminapi.RegisterHolds(mux, n.tokens, n.holds, n.log), adminapi.RegisterLimits(mux, n.tokens, n.limiter, n.log), app.Operable(mux, n.tokens, n.level, n.log)); err != nil {
		return errors.Join(err, admin.Close())
	}

	if err := n.tracer.Start(); err != nil {
		return errors.Join(err, admin.Close())
	}
	defer n.tracer.Close()
	// Parts outlive ctx: they serve while the node drains.
	parts := app.NewGroup(ctx)
	parts.Run("admin port", func(ctx context.Context) error { return admin.Serve(ctx, mux) })
	if err := n.open(parts); err != nil {
		return errors.Join(err, parts.Stop())
	}
	<-parts.Running().Done()
	n.drain(ctx)
	return parts.Stop()
}

// open waits until Redis confirms that it is the site's, takes the name, learns what is on sale and whose tokens count, and only
// then lets buyers and gossip in. Being asked to stop before that is no error.
func (n *Node) open(parts *app.Group) error {
	n.buyers.run(parts)
	parts.Run("site", func(ctx context.Context) error {
		return n.store.KeepSite(ctx, func() remotestock.Site { return n.keys.Site(n.site) })
	})
	if !n.store.AwaitSite(parts.Running()) {
		return nil
	}
	if err := n.name.Acquire(parts.Running()); err != nil {
		return notStopped(parts, err)
	}
	parts.Run("settings", n.store.Watch)
	parts.Run("name", n.name.Run)
	parts.Run("catalog", n.catalog.Run)
	parts.Run("draws", func(ctx context.Context) error { return n.catalog.FollowDraws(ctx, n.store) })
	select {
	case <-n.catalog.Known():
	case <-parts.Running().Done():
		return nil
	}
	if !n.buyers.await(parts) {
		return nil
	}
	// Redis answers now: what it would reject is known before anything is sold.
	if err := n.store.CheckReplicas(parts.Running()); err != nil {
		return notStopped(parts, err)
	}
	if err := n.store.Look(parts.Running()); err != nil && parts.Running().Err() == nil {
		n.log.Warn("can't look at Redis's settings yet", zap.Error(err))
	}
	buyers, err := net.Listen("tcp", n.config.Listen)
	if err != nil {
		return fmt.Errorf("buyers' API: %w", err)
	}
	// Before gossip knows this node: one that is drained must not sell for a moment.
	if !n.readOperated(parts.Running(), operatedRetry) {
		return buyers.Close()
	}
	parts.Run("operators", n.followOperators)
	parts.Run("gossip", n.gossip.Run)
	parts.Run("gossip keys", func(ctx context.Context) error { return n.keys.Follow(ctx, n.store, n.site, n.gossip.SetKeys, n.log) })
	select {
	case <-n.gossip.Started():
	case <-parts.Running().Done():
		// Its port may be taken. A server that is stopped before it serves would serve for ever.
		return buyers.Close()
	}
	parts.Run("buyers' API", func(context.Context) error { return n.server.Serve(n.door.At(buyers)) })
	parts.Run("buyers' door", n.watchDoor)
	if n.resting != nil {
		parts.Run("rest", func(ctx context.Context) error { return n.resting.run(ctx, restAfter) })
	}
	parts.Run("address", func(ctx context.Context) error { return gossip.Moved(ctx, cmp.Or(n.config.Advertise, n.config.Listen)) })
	n.serving.Store(true)
	n.log.Info("node is up", zap.String("listen", buyers.Addr().String()), zap.String("admin", n.config.Admin))
	return nil
}

// notStopped drops an error that only reports that the process was asked to stop.
func notStopped(parts *app.Group, err error) error {
	if parts.Running().Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
