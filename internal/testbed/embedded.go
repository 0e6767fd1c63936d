package testbed

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/app"
	"onsale/internal/app/allocator"
	"onsale/internal/app/gossip"
	"onsale/internal/app/node"
	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// EmbeddedOptions shape a cluster inside this process.
type EmbeddedOptions struct {
	Nodes  int
	Issuer *Issuer // who signs buyers' tokens; nil makes a new one
	// Payments is what the payment provider signs with; zero makes a new one.
	Payments payment.Secret
	// SignIn is the page where buyers sign in; empty: there is none.
	SignIn string
	// Front, where there is one, leads buyers to the nodes of the view until
	// its context ends. It starts after the nodes and ends before them.
	Front func(ctx context.Context, view func() sale.View) error
}

// Embedded is a sale site inside this process: nodes and an allocator, wired
// as their commands wire them, on an embedded Redis that is memory alone. It
// needs no other program, has no ledger, and proves nothing about durability or
// speed.
type Embedded struct {
	Nodes      []Endpoint
	Allocator  Endpoint
	Issuer     *Issuer
	AdminToken string

	log    *zap.Logger
	redis  *miniredis.Miniredis
	nodes  []*node.Node
	gossip string       // host:port that members join through
	stages []*app.Group // in the order they started; they end in reverse
	ended  context.Context
	end    context.CancelFunc
}

// Endpoint is where a member of an embedded cluster listens, as host:port.
type Endpoint struct {
	Name   string
	Listen string // the buyers' API, nodes only
	Admin  string
}

// StartEmbedded brings a cluster up and returns once every node sells. Where
// it fails it leaves nothing behind; ctx bounds the start alone.
func StartEmbedded(ctx context.Context, o EmbeddedOptions, log *zap.Logger) (_ *Embedded, err error) {
	e := &Embedded{
		Issuer: cmp.Or(o.Issuer, NewIssuer()), AdminToken: rand.Text(),
		log: log, redis: miniredis.NewMiniRedis(),
	}
	e.ended, e.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	// Without it no key would ever expire: miniredis stops the clock for tests.
	e.redis.ClockTTL(true)
	if err := e.redis.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	// Nodes and allocators read their secrets once, when they are wired.
	secrets, err := os.MkdirTemp("", "onsale-secrets-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(secrets)) }()
	view, err := e.startAllocator(ctx, filepath.Join(secrets, "admin-token"))
	if err != nil {
		return nil, err
	}
	if err := e.startNodes(o, secrets); err != nil {
		return nil, err
	}
	if err := e.await(ctx, "every node to sell", func() bool { return len(view().Selling()) == o.Nodes }); err != nil {
		return nil, err
	}
	if o.Front != nil {
		e.stage().Run("front", func(ctx context.Context) error { return o.Front(ctx, view) })
	}
	return e, nil
}

// stage begins a group of parts that end together, before those of earlier
// stages. A part that stops by itself ends the cluster.
func (e *Embedded) stage() *app.Group {
	g := app.NewGroup(context.Background())
	context.AfterFunc(g.Running(), e.end)
	e.stages = append(e.stages, g)
	return g
}

// startAllocator returns the view of the allocator's gossip. It waits until
// nodes can join: one that finds nobody pauses before it tries again.
func (e *Embedded) startAllocator(ctx context.Context, token string) (view func() sale.View, err error) {
	if err := os.WriteFile(token, []byte(e.AdminToken), 0o600); err != nil {
		return nil, err
	}
	e.Allocator.Name = "a01"
	flags, err := e.gossipFlags(&e.Allocator.Admin)
	if err != nil {
		return nil, err
	}
	e.gossip = flags.Bind
	a, err := allocator.New(allocator.Config{
		Name: e.Allocator.Name, Admin: e.Allocator.Admin, TokenFile: token, Tolerate: -1,
		Redis: e.Redis(), Gossip: flags,
	}, e.log)
	if err != nil {
		return nil, err
	}
	e.stage().Run("allocator", a.Run)
	return a.View, e.await(ctx, "the allocator to gossip", func() bool { return a.GossipAddr() != "" })
}

func (e *Embedded) startNodes(o EmbeddedOptions, secrets string) error {
	keys, webhooks := filepath.Join(secrets, "keys.json"), filepath.Join(secrets, "webhook-secrets")
	places := filepath.Join(secrets, "place-keys.json")
	if err := errors.Join(e.Issuer.Save(keys), savePlaceKeys(places), cmp.Or(o.Payments, payment.NewSecret()).Save(webhooks)); err != nil {
		return err
	}
	parts := e.stage()
	for i := range o.Nodes {
		at := Endpoint{Name: fmt.Sprintf("n%03d", i+1)}
		flags, err := e.gossipFlags(&at.Listen, &at.Admin)
		if err != nil {
			return err
		}
		flags.Seeds = []string{e.gossip}
		n, err := node.New(node.Config{
			Name: at.Name, Listen: at.Listen, Admin: at.Admin, Weight: 1,
			Identity: node.IdentityFlags{TokenKeys: keys, Audiences: []string{Audience}, SignIn: o.SignIn}, PlaceKeys: places, Webhooks: webhooks, Batch: 128, Calls: 1,
			Redis: e.Redis(), Gossip: flags,
		}, e.log)
		if err != nil {
			return err
		}
		e.Nodes, e.nodes = append(e.Nodes, at), append(e.nodes, n)
		parts.Run("node "+at.Name, n.Run)
	}
	return nil
}

// gossipFlags picks free loopback addresses: the given ones, and one for gossip.
func (e *Embedded) gossipFlags(of ...*string) (g gossip.Flags, err error) {
	for _, a := range append(of, &g.Bind) {
		port, err := process.FreePort()
		if err != nil {
			return g, err
		}
		*a = process.Loopback(port)
	}
	return g, nil
}

// Redis returns the flags of the embedded Redis.
func (e *Embedded) Redis() app.RedisFlags {
	return app.RedisFlags{Addrs: []string{e.redis.Addr()}, AllowDataLoss: true}
}

// Open opens a sale through the admin API and returns once every node knows it.
func (e *Embedded) Open(ctx context.Context, d adminapi.Definition) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	allocator := client.Client{Addr: e.Allocator.Admin, Token: e.AdminToken}
	if _, err := allocator.Call(ctx, http.MethodPost, "/admin/v1/sales", body); err != nil {
		return err
	}
	return e.await(ctx, "every node to know the sale "+d.ID, func() bool {
		return !slices.ContainsFunc(e.nodes, func(n *node.Node) bool {
			return !n.Knows(sale.ID(d.ID))
		})
	})
}

// await polls until done, the end of ctx, or a part's.
func (e *Embedded) await(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-e.ended.Done():
			return fmt.Errorf("waiting for %s: a part of the cluster has ended", what)
		}
	}
	return nil
}

// Done is closed when a part has stopped by itself, or at Drain, which then
// returns why.
func (e *Embedded) Done() <-chan struct{} { return e.ended.Done() }

// Drain ends the front, the nodes and the allocator, in this order, and leaves
// Redis as they left it. It returns what went wrong in them, once; it may be
// called twice.
func (e *Embedded) Drain() error {
	var errs []error
	for _, g := range slices.Backward(e.stages) {
		errs = append(errs, g.Stop())
	}
	e.stages = nil
	e.end()
	return errors.Join(errs...)
}

// Close drains, if that is still to be done, and ends Redis: the sale is gone.
// It may be called twice.
func (e *Embedded) Close() error {
	err := e.Drain()
	e.redis.Close()
	return err
}
