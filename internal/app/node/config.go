package node

import (
	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/remotestock"
	"time"
)

// Config is a node's command line.
type Config struct {
	Name      string `env:"ONSALE_NAME" default:"${hostname}" help:"Unique name in the cluster; plans give stock to it."`
	Listen    string `default:":8081" env:"ONSALE_LISTEN" help:"host:port of the buyers' API."`
	Advertise string `env:"ONSALE_ADVERTISE" help:"host:port where Nginx reaches it, if --listen names no host."`
	Admin     string `default:"127.0.0.1:9081" env:"ONSALE_ADMIN" help:"host:port of health and metrics, and where ledgers ask what the node remembers: a private address that they reach, where they run on other machines. Anyone who reaches it reads health and metrics without a token."`
	Weight    int    `default:"1" env:"ONSALE_WEIGHT" help:"Share of buyers and stock, relative to the other nodes."`

	Connections int `default:"0" env:"ONSALE_CONNECTIONS" help:"Buyers' connections at once at most; another one is answered busy. 0: as many as the limit of open files leaves."`

	Requests int `default:"16384" env:"ONSALE_REQUESTS" help:"Requests under way at once at most, those aside that are answered from memory. Purchases are answered busy from half of it on, then who asks for an order, then who cancels; payments last."`

	Limits Limits `embed:""`

	Identity  IdentityFlags `embed:""`
	PlaceKeys string        `env:"ONSALE_PLACE_KEYS" help:"File with the JSON Web Key Set of symmetric keys for place tokens, the same on all nodes; the first makes them. Empty: sales that have a line sell nothing here."`
	Webhooks  string        `name:"webhook-secrets" env:"ONSALE_WEBHOOK_SECRETS" help:"File with the secrets that payment providers sign with, one whsec_… a line. Empty: no payments are taken."`

	Batch int `default:"128" env:"ONSALE_BATCH" help:"Claims in one script call at most."`
	Calls int `default:"1" env:"ONSALE_CALLS" help:"Script calls of one sale in flight at most."`

	DrainDelay time.Duration `default:"2s" env:"ONSALE_DRAIN_DELAY" help:"How long to serve on after it is announced as draining, so that Nginx has left before the port closes."`

	Operators app.AdminFlags `embed:""`
	Site      app.SiteFlags  `embed:""`
	Redis     app.RedisFlags `embed:"" prefix:"redis-"`
	Gossip    gossip.Flags   `embed:"" prefix:"gossip-"`
	Traces    app.TraceFlags `embed:""`
	Proofs    ProofFlags     `embed:""`

	InsecureGossip bool `env:"ONSALE_INSECURE_GOSSIP" help:"Gossip beyond loopback without a key: anyone who reaches the port can take nodes out of the upstream."`
}

// AdminAddress implements [app.Configuration].
func (c Config) AdminAddress() string { return c.Admin }

// redis is Redis's configuration with a connection for every call of a busy
// sale, and some for its polls and refills and for the other sales: a call that
// finds none in time refuses its claims.
func (c Config) redis() remotestock.Config {
	r := c.Redis.Config()
	r.Pool = max(r.Pool, c.Calls+16)
	return r
}
