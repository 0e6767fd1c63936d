package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/adminport"
	"onsale/internal/app"
	"onsale/internal/keyspace"
	"onsale/internal/lease"
	"onsale/internal/ledger"
	"onsale/internal/ledger/postgres"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
	"onsale/internal/tracing"
)

// DatabaseFlags locate PostgreSQL.
type DatabaseFlags struct {
	URL string `name:"url" env:"ONSALE_DATABASE_URL" secret:"url" help:"postgres://user:password@host:port/database; with a password in the environment or in the file, as a command line can be read by all."`
}

// Config is a ledger's command line.
type Config struct {
	Name         string         `env:"ONSALE_NAME" default:"ledger-${hostname}" help:"Name in the log."`
	Admin        string         `default:"127.0.0.1:9082" env:"ONSALE_ADMIN" help:"host:port of health and metrics. Anyone who reaches it reads them without a token: keep it on loopback or a private network."`
	Entries      int            `default:"32" env:"ONSALE_ENTRIES" help:"Stream entries in one transaction at most; each carries up to 128 orders. More keep Redis from the claims for longer at a time."`
	Auto         bool           `name:"auto-reconcile" default:"true" negatable:"" env:"ONSALE_AUTO_RECONCILE" help:"Put a sale together again that has lost data, where nothing has to be decided. --no-auto-reconcile leaves that to onsale reconcile."`
	ArchiveAfter time.Duration  `default:"0" env:"ONSALE_ARCHIVE_AFTER" help:"Take a sale out of Redis so long after it was closed, once it has no holds and owes no refunds; the ledger keeps it. 0: only onsale archive does."`
	Operators    app.AdminFlags `embed:""`
	Database     DatabaseFlags  `embed:"" prefix:"database-"`
	Site         app.SiteFlags  `embed:""`
	Redis        app.RedisFlags `embed:"" prefix:"redis-"`
	Traces       app.TraceFlags `embed:""`
}

// AdminAddress implements [app.Configuration].
func (c Config) AdminAddress() string { return c.Admin }

// Ledger copies the streams of its share of the sales to PostgreSQL.
type Ledger struct {
	config  Config
	log     *zap.Logger
	level   *zap.AtomicLevel // nil: nobody may change it
	client  redis.UniversalClient
	stock   *remotestock.Store
	site    remotestock.Site
	tokens  adminapi.Tokens // the operators'; the first one is sent to ask what nodes remember
	store   *postgres.Store
	ledger  *ledger.Ledger
	metrics *telemetry.Metrics
	state   state
	tracer  *tracing.Tracer // nil: nothing is traced
}

// New wires a ledger. It starts nothing and fails on a configuration
// that can't work; PostgreSQL and Redis may be away.
func New(ctx context.Context, config Config, log *zap.Logger) (*Ledger, error) {
	remotestock.SetLog(log)
	if config.Database.URL == "" {
		return nil, errors.New("no PostgreSQL given: set ONSALE_DATABASE_URL, or --database-url")
	}
	if err := config.Redis.CheckAddresses(config.Admin); err != nil {
		return nil, err
	}
	l := &Ledger{config: config, log: log.With(zap.String("ledger", config.Name)), metrics: telemetry.New()}
	l.site = config.Site.Site()
	l.site.Ledger = "1"
	redisConfig := config.Redis.Config()
	redisConfig.Call = ledgerCall
	var err error
	if l.tokens, err = config.Operators.Tokens(); err != nil {
		return nil, err
	}
	if l.tracer, err = config.Traces.Tracer("ledger", config.Name, l.log); err != nil {
		return nil, err
	}
	if l.client, err = remotestock.Dial(redisConfig); err != nil {
		return nil, err
	}
	if l.store, err = postgres.Open(ctx, config.Database.URL); err != nil {
		return nil, errors.Join(err, l.client.Close())
	}
	if l.ledger, err = l.wire(redisConfig); err != nil {
		l.store.Close()
		return nil, errors.Join(err, l.client.Close())
	}
	return l, nil
}

// ledgerCall bounds a ledger's calls to Redis: it reads a good deal at once, and
// nobody waits for it.
const ledgerCall = 2 * time.Second

func (l *Ledger) wire(redisConfig remotestock.Config) (*ledger.Ledger, error) {
	c := ledger.DefaultConfig()
	c.Entries, c.Call = l.config.Entries, redisConfig.Call
	me := l.config.Name + "/" + uuid.NewString()
	l.metrics.FlagOf("onsale_ledger_ready", "1 while Redis and PostgreSQL answer this ledger and every sale makes progress.", func() bool { return l.ledger != nil && l.ledger.Ready() })
	l.stock = remotestock.New(l.client, l.config.Name, redisConfig, remotestock.Hooks{Looked: app.Looked(l.metrics)}, l.log)
	hooks := hooks(l.metrics)
	hooks.Traced = l.tracer.Record()
	made, err := ledger.New(
		l.stock,
		member{
			Member: lease.NewRegistry(l.client, redisConfig.Prefix, "ledger").Member(me, "", c.LeaseTime),
			state:  func() string { return l.state.registration(l.ledger.Ready()) },
		},
		func(id sale.ID, report func(error)) ledger.Holder {
			return Reader(l.client, redisConfig.Prefix, id, me, c, report)
		},
		l.store, c, l.state.watching(hooks), l.log)
	if err == nil && l.config.Auto {
		made.Reconcile = l.reconcile(c)
	}
	return made, err
}

// reconcile puts a sale together again by itself, where nothing has to be decided. Its
// reader has let the nodes register again.
func (l *Ledger) reconcile(c ledger.Config) func(context.Context, sale.ID, sale.Generation) error {
	r := &ledger.Reconciler{Stock: l.stock, Store: l.store, Memory: NodesMemory(l.client, l.config.Redis.Prefix, l.tokens.First(), 0), Cfg: c}
	return func(ctx context.Context, id sale.ID, token sale.Generation) error {
		plan, err := r.Run(ctx, id, ledger.Reconciliation{Token: token})
		if err == nil {
			l.log.Warn("sale reconciled", zap.String("sale", string(id)), zap.Int64("epoch", plan.Epoch), zap.String("plan", plan.String()))
		}
		return err
	}
}

// Adjustable has operators change the level of the log while the ledger runs. It must be called before Run.
func (l *Ledger) Adjustable(level zap.AtomicLevel) { l.level = &level }

// Metrics are what the ledger measures.
func (l *Ledger) Metrics() []telemetry.Metric { return l.metrics.Registered() }

// Reader holds the lease of anyone who reads a sale's stream: a ledger, or a reconciliation.
func Reader(client redis.UniversalClient, prefix keyspace.Prefix, id sale.ID, name string, c ledger.Config, report func(error)) *lease.Holder {
	mine := lease.New(client, prefix, "ledger:"+string(id), name, c.LeaseTime)
	return lease.NewHolder(mine, lease.Config{TTL: c.LeaseTime, Renew: c.LeaseTime / 3, Call: c.Call, Finish: c.Commit}, report)
}

// Run reads until ctx ends. It returns an error where it could not start, or a
// part of it stopped by itself.
func (l *Ledger) Run(ctx context.Context) error {
	defer l.client.Close()
	defer l.store.Close()
	if err := app.CheckFiles(l.config.Redis.Config().Pool, 0); err != nil {
		return err
	}
	port, err := adminport.Listen(l.config.Admin)
	if err != nil {
		return err
	}
	mux := l.metrics.AdminMux(l.unready, l.stock.Notes)
	if err := app.Operable(mux, l.tokens, l.level, l.log); err != nil {
		return errors.Join(err, port.Close())
	}
	if err := l.tracer.Start(); err != nil {
		return errors.Join(err, port.Close())
	}
	defer l.tracer.Close()
	parts := app.NewGroup(ctx)
	parts.Run("admin port", func(ctx context.Context) error { return port.Serve(ctx, mux) })
	parts.Run("site", func(ctx context.Context) error {
		return l.stock.KeepSite(ctx, func() remotestock.Site { return l.site })
	})
	parts.Run("settings", l.stock.Watch)
	parts.Run("ledger", func(ctx context.Context) error {
		if err := l.migrate(ctx); err != nil || !l.stock.AwaitSite(ctx) {
			return err
		}
		id, err := l.joinDatabase(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		parts.Run("database", func(ctx context.Context) error {
			return l.stock.KeepSite(ctx, func() remotestock.Site { return remotestock.Site{Database: id} })
		})
		if l.config.ArchiveAfter > 0 {
			parts.Run("archive", l.archive)
		}
		return l.ledger.Run(ctx)
	})
	l.log.Info("ledger is up", zap.String("admin", port.Addr().String()))
	<-parts.Running().Done()
	return parts.Stop()
}

// unready is why the ledger does not work, or nil.
func (l *Ledger) unready() error {
	if !l.ledger.Ready() {
		return errors.New("no answer from Redis or PostgreSQL, or a sale makes no progress; see the log")
	}
	return l.stock.Unsafe()
}

// migrate brings the tables up to date, and waits for a PostgreSQL that is
// away: the streams keep what waits. Any other failure ends the ledger.
func (l *Ledger) migrate(ctx context.Context) error {
	for logged := false; ; {
		err := postgres.Migrate(ctx, l.config.Database.URL)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, ledger.ErrAway) {
			return fmt.Errorf("migrations: %w", err)
		}
		if !logged {
			l.log.Warn("PostgreSQL is away; waiting for it to bring its tables up to date", zap.Error(err))
			logged = true
		}
		pause.For(ctx, time.Second)
	}
}
