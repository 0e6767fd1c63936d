package allocator

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/board"
	"onsale/internal/adminport"
	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/lease"
	"onsale/internal/membership"
	"onsale/internal/rebalance"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/soldout"
	"onsale/internal/telemetry"
	"onsale/internal/tracing"
	"onsale/internal/upstream"
)

// Config is an allocator's command line.
type Config struct {
	Name      string `env:"ONSALE_NAME" default:"allocator-${hostname}" help:"Unique name in the gossip."`
	Admin     string `default:"127.0.0.1:9080" env:"ONSALE_ADMIN" help:"host:port of the admin API, health and metrics. Anyone who reaches it reads health and metrics without a token: keep it on loopback or a private network."`
	TokenFile string `name:"admin-token-file" required:"" env:"ONSALE_ADMIN_TOKEN_FILE" help:"File with the operators' bearer token, at least 16 bytes; make secrets makes one. With several, one a line, each is accepted."`
	Tolerate  int    `default:"-1" env:"ONSALE_TOLERATE" help:"Nodes that may vanish at once without a round trip for the others; -1 means 5 % of them, at least one."`

	Ledger bool `default:"true" negatable:"" env:"ONSALE_LEDGER" help:"The site has a ledger: a sale sells once it is recorded there. --no-ledger: it has none, and what Redis loses is lost."`

	Upstream string `env:"ONSALE_UPSTREAM" help:"Nginx's site/upstream.conf to render, if its site/nodes.conf includes rendered.conf: Nginx reloads at each change. Empty: none."`
	Peers    string `env:"ONSALE_PEERS" help:"Nginx's site/peers to write, if its site/nodes.conf includes balancer.conf: Nginx takes changes without a reload. Empty: none."`
	Test     string `name:"nginx-test" env:"ONSALE_NGINX_TEST" help:"Command that tests Nginx's configuration, its arguments separated by blanks. Empty if a watcher beside Nginx does it."`
	Reload   string `name:"nginx-reload" env:"ONSALE_NGINX_RELOAD" help:"Command that reloads Nginx, its arguments separated by blanks. Empty if a watcher beside Nginx does it."`

	Site   app.SiteFlags  `embed:""`
	Redis  app.RedisFlags `embed:"" prefix:"redis-"`
	Gossip gossip.Flags   `embed:"" prefix:"gossip-"`
	Traces app.TraceFlags `embed:""`

	InsecureGossip bool `env:"ONSALE_INSECURE_GOSSIP" help:"Gossip beyond loopback without a key: anyone who reaches the port can take nodes out of the upstream."`
}

// AdminAddress implements [app.Configuration].
func (c Config) AdminAddress() string { return c.Admin }

// Allocator plans, publishes the upstream and serves the operators.
type Allocator struct {
	config    Config
	log       *zap.Logger
	level     *zap.AtomicLevel // nil: nobody may change it
	client    redis.UniversalClient
	store     *remotestock.Store
	gossip    *membership.Gossip
	loop      *rebalance.Loop
	publisher *upstream.Publisher
	soldOut   *soldout.Keeper // nil: no Nginx beside it
	relay     *relay
	feed      *board.Feed
	board     *board.Board
	admin     *adminapi.Handler
	site      remotestock.Site
	keys      *gossip.KeyFile
	tokens    adminapi.Tokens // the operators'
	holder    string          // of the lease: its name, and this process
	state     state
	metrics   *telemetry.Metrics
	tracer    *tracing.Tracer // nil: nothing is traced
	up        atomic.Bool
	answered  atomic.Int64 // when Redis last answered a call for the lease, in Unix milliseconds
	owed      atomic.Bool  // the last look at the upstream failed, or there was none yet
}

// New wires an allocator. It starts nothing and fails on a
// configuration that can't work.
func New(config Config, log *zap.Logger) (*Allocator, error) {
	remotestock.SetLog(log)
	a := &Allocator{config: config, log: log.With(zap.String("allocator", config.Name)), metrics: telemetry.New(), feed: board.NewFeed()}
	if err := config.Redis.CheckAddresses(config.Admin); err != nil {
		return nil, err
	}
	var err1, err2, err3 error
	var member membership.Config
	a.tokens, err1 = app.AdminFlags{TokenFile: config.TokenFile}.Tokens()
	member, err2 = config.Gossip.Config(config.Name, membership.RoleAllocator, config.InsecureGossip)
	a.tracer, err3 = config.Traces.Tracer("allocator", config.Name, a.log)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	a.site = config.Site.Site()
	a.keys = gossip.NewKeyFile(config.Gossip, member.Keys)
	a.site.Ledger = map[bool]string{true: "1", false: "0"}[config.Ledger]
	redisConfig := config.Redis.Config()
	redisConfig.Ledger = config.Ledger
	var err error
	if a.client, err = remotestock.Dial(redisConfig); err != nil {
		return nil, err
	}
	a.metrics.FlagOf("onsale_rebalance_ready", "1 while Redis answers this allocator and Nginx's upstream is what it should be.", a.Ready)
	if a.gossip, err = membership.New(member, gossip.Registry{Client: a.client, Prefix: a.config.Redis.Prefix}, log, watchedNodes(memberHooks(a.metrics), a.feed)); err != nil {
		return nil, err
	}
	app.Known(a.metrics, a.gossip.View)
	store := remotestock.New(a.client, config.Name, redisConfig, storeHooks(a.metrics), a.log)
	a.store = store
	if a.admin, err = adminapi.New(store, a.gossip.View, a.parts, a.tokens, a.log); err != nil {
		return nil, err
	}
	a.board = a.newBoard()
	return a, a.wire(store)
}

func (a *Allocator) wire(store *remotestock.Store) error {
	plan := rebalance.DefaultConfig()
	plan.Tolerate = a.config.Tolerate
	a.relay = newRelay(a.gossip)
	a.holder = a.config.Name + "/" + uuid.NewString()
	mine := lease.New(a.client, a.config.Redis.Prefix, "allocator", a.holder, plan.LeaseTime)
	holder := func(note func(error)) rebalance.Holder {
		report := func(err error) {
			if err == nil {
				a.answered.Store(time.Now().UnixMilli())
				a.feed.RedisAnswered()
			}
			note(err)
		}
		return lease.NewHolder(mine, lease.Config{TTL: plan.LeaseTime, Renew: plan.LeaseRenew, Call: plan.Call}, report)
	}
	plans := planHooks(a.metrics, a.state.setLeads)
	a.loop = rebalance.New(a.relay.reader(), store, holder, plan, watchedPlans(a.traced(plans), a.feed), a.log)
	stockGauges(a.metrics, a.loop.Surveys)
	leased := soldOutHooks(a.metrics, plans.Expired)
	published := upstreamHooks(a.metrics, a.owed.Store, &a.state)
	var c upstream.Config
	switch {
	case a.config.Upstream != "" && a.config.Peers != "":
		return errors.New("--upstream and --peers: Nginx takes its nodes from one of the two")
	case a.config.Upstream != "":
		c = upstream.DefaultConfig(upstream.Rendered)
	case a.config.Peers != "":
		c = upstream.DefaultConfig(upstream.Peers)
	default:
		return plan.Validate()
	}
	c.Test, c.Reload = strings.Fields(a.config.Test), strings.Fields(a.config.Reload)
	file, err := filepath.Abs(a.config.Upstream + a.config.Peers)
	if err != nil {
		return err
	}
	c.File = file
	a.owed.Store(true)
	a.state.owed()
	a.publisher, err = upstream.New(a.relay.reader(), c, published, a.log)
	var err2 error
	a.soldOut, err2 = soldout.New(store, soldout.DefaultConfig(filepath.Join(filepath.Dir(file), "soldout")), leased, a.log)
	return errors.Join(plan.Validate(), err, err2)
}

// allocatorStale is how long Redis may not answer before an allocator is not ready: six tries for the lease.
const allocatorStale = 3 * time.Second

// Adjustable has operators change the level of the log while the allocator runs. It must be called before Run.
func (a *Allocator) Adjustable(level zap.AtomicLevel) { a.level = &level }

// Metrics are what the allocator measures.
func (a *Allocator) Metrics() []telemetry.Metric { return a.metrics.Registered() }

// View is the nodes that gossip knows.
func (a *Allocator) View() sale.View { return a.gossip.View() }

// GossipAddr is where gossip listens; empty before it does.
func (a *Allocator) GossipAddr() string { return a.gossip.LocalAddr() }

// Ready reports whether the allocator does its work, as the leader or to take over.
func (a *Allocator) Ready() bool { return a.unready() == nil }

// Run plans and serves until ctx ends. It returns an error where it could not
// start, or a part of it stopped by itself.
func (a *Allocator) Run(ctx context.Context) error {
	defer a.client.Close()
	if err := app.CheckFiles(a.config.Redis.Config().Pool, 0); err != nil {
		return err
	}
	port, err := adminport.Listen(a.config.Admin)
	if err != nil {
		return err
	}
	mux := a.metrics.AdminMux(a.unready, a.store.Notes)
	a.admin.Register(mux)
	a.board.Register(mux)
	if err := app.Operable(mux, a.tokens, a.level, a.log); err != nil {
		return errors.Join(err, port.Close())
	}

	if err := a.tracer.Start(); err != nil {
		return errors.Join(err, port.Close())
	}
	defer a.tracer.Close()
	parts := app.NewGroup(ctx)
	parts.Run("site", func(ctx context.Context) error {
		return a.store.KeepSite(ctx, func() remotestock.Site { return a.keys.Site(a.site) })
	})
	// Operators get no answer from another site's Redis. One that is away has none to give.
	a.awaitSite(parts.Running())
	parts.Run("admin API", func(ctx context.Context) error { return port.Serve(ctx, mux) })
	parts.Run("board", a.board.Run)
	parts.Run("settings", a.store.Watch)
	parts.Run("gossip", a.gossip.Run)
	parts.Run("gossip keys", func(ctx context.Context) error { return a.keys.Follow(ctx, a.store, a.site, a.gossip.SetKeys, a.log) })
	parts.Run("address", func(ctx context.Context) error {
		return gossip.Moved(ctx, cmp.Or(a.config.Gossip.Advertise, a.config.Gossip.Bind))
	})
	parts.Run("relay", a.relay.run)
	parts.Run("registration", func(ctx context.Context) error {
		if !a.store.AwaitSite(ctx) {
			return nil
		}
		return a.announce(ctx)
	})
	parts.Run("planning", func(ctx context.Context) error {
		if !a.store.AwaitSite(ctx) {
			return nil
		}
		return a.loop.Run(ctx)
	})
	if a.publisher != nil {
		parts.Run("upstream", a.publisher.Run)
		parts.Run("sold out", func(ctx context.Context) error {
			if !a.store.AwaitSite(ctx) {
				return nil
			}
			return a.soldOut.Run(ctx)
		})
	}
	if !a.config.Ledger {
		a.log.Warn("this site has no ledger: sales are opened without a record of them, and what Redis loses can't be put back")
	}
	a.up.Store(true)
	a.log.Info("allocator is up", zap.String("admin", port.Addr().String()))
	<-parts.Running().Done()
	a.up.Store(false)
	return parts.Stop()
}

// awaitSite waits until the allocator has joined the site, or for as long as Redis may take to
// answer that it keeps another one.
func (a *Allocator) awaitSite(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Redis.Config().Call)
	defer cancel()
	a.store.AwaitSite(ctx)
}

// unready is why the allocator does not do its work, or nil.
func (a *Allocator) unready() error {
	switch {
	case !a.up.Load():
		return errors.New("it is starting or stopping")
	case time.Since(time.UnixMilli(a.answered.Load())) > allocatorStale:
		return errors.New("no answer from Redis")
	case a.owed.Load():
		return errors.New("the upstream of Nginx is not what it should be")
	}
	return a.store.Unsafe()
}
