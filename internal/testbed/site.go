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
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/keyspace"
	"onsale/internal/operate"
	"onsale/internal/payment"
	"onsale/internal/testbed/process"
)

// Options shape a cluster of real processes.
type Options struct {
	Nodes         int
	Allocators    int
	Ledgers       int      // with a private PostgreSQL; 0: none of either, orders stay in Redis
	LedgerLater   bool     // the site has a ledger, which AddLedger starts
	Port          int      // of the front; 0 takes a free one
	Binaries      string   // folder with node, allocator and ledger; empty builds them from this module
	NodeCommand   []string // what is run as a node, before its flags; empty: the program in Binaries
	NodeArgs      []string // extra flags for every node
	LedgerArgs    []string // extra flags for every ledger
	AllocatorArgs []string // extra flags for every allocator
	Topology      Topology // of Redis
	RedisReplicas int      // with Sentinels, at least 1
	WaitReplicas  int      // replicas that must confirm a call before it is answered
	RedisArgs     []string // extra arguments for every redis-server; they win
	RedisClock    bool     // a standalone Redis has a wall clock of its own, which can be set: Redis.Clock
	Share         *Share   // the Redis of another cluster; nil: its own
	Dir           string   // where data, configuration and logs go; empty: a temporary folder, removed at Close
	Progress      func(string)
	NoFront       bool           // no nginx: the nodes are asked directly
	Balancer      bool           // nginx has the Lua module, and takes nodes without a reload
	Precedence    bool           // Redis, nginx and allocators go before the nodes on this machine's processors, where that is allowed
	Daemon        bool           // nginx is a daemon, whose program can be replaced: Nginx.Upgrade
	Issuer        *Issuer        // who signs buyers' tokens; nil makes a new one
	Payments      payment.Secret // what the payment provider signs with; zero makes a new one
	GossipKeyFile string         // with the key of all gossip; empty: gossip is in the clear
}

// Share has a site use the Redis of another one, under a name and a prefix of its own.
type Share struct {
	With               *Site
	Site               string
	Prefix             keyspace.Prefix
	Username, Password string // of Redis; empty: the default user
}

// Site is a whole sale site on this machine: private redis-servers, nginx
// and PostgreSQL, allocators, ledgers and nodes, each a real process on loopback.
type Site struct {
	Dir        string
	Redis      *process.Redis        // nil in all topologies but Standalone
	Sentinels  *process.Sentinels    // nil in all but Sentinels
	Shards     *process.RedisCluster // nil in all but Sharded
	Postgres   *process.Postgres     // nil without ledgers
	Nginx      *process.Nginx
	Nodes      []*Member
	Allocators []*Member
	Ledgers    []*Member
	Issuer     *Issuer
	AdminToken string
	Payments   payment.Secret

	options   Options
	binaries  string
	temporary bool
	seeds     []string
}

// Member is a node, an allocator or a ledger.
type Member struct {
	*process.Process
	Name   string
	Listen string // of the buyers' API, nodes only
	Admin  string
	Gossip string // host:port, nodes and allocators
	path   string
	args   []string
	env    []string
	dir    string
}

// Start starts the process again after it ended.
func (m *Member) Start() (err error) {
	m.Process, err = process.Start(m.dir, m.Name, m.path, m.args, m.env...)
	return err
}

// StartWith is Start with more flags, or with variables such as ONSALE_NAME=n001, this once.
func (m *Member) StartWith(settings ...string) (err error) {
	args, env := slices.Clone(m.args), slices.Clone(m.env)
	for _, s := range settings {
		if strings.HasPrefix(s, "ONSALE_") {
			env = append(env, s)
		} else {
			args = append(args, s)
		}
	}
	m.Process, err = process.Start(m.dir, m.Name, m.path, args, env...)
	return err
}

// Running reports whether the process has not ended.
func (m *Member) Running() bool {
	select {
	case <-m.Done():
		return false
	default:
		return true
	}
}

// Start brings a cluster up and returns once every node sells, through Nginx
// unless there is none.
// Where it fails it leaves nothing behind.
func Start(ctx context.Context, o Options) (_ *Site, err error) {
	s := &Site{options: o, Issuer: cmp.Or(o.Issuer, NewIssuer()), AdminToken: rand.Text(), Payments: cmp.Or(o.Payments, payment.NewSecret())}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.startRedis(ctx); err != nil {
		return nil, err
	}
	if o.Ledgers > 0 {
		s.progress("starting PostgreSQL")
		if s.Postgres, err = process.StartPostgres(ctx, s.Dir); err != nil {
			return nil, err
		}
	}
	if !o.NoFront {
		s.progress("starting nginx")
		kind := process.NginxKind{Balancer: o.Balancer, Daemon: o.Daemon}
		if s.Nginx, err = kind.Start(ctx, s.Dir, o.Port); err != nil {
			return nil, err
		}
	}
	for range o.Allocators {
		if err := s.AddAllocator(); err != nil {
			return nil, err
		}
	}
	for range o.Ledgers {
		if _, err := s.AddLedger(); err != nil {
			return nil, err
		}
	}
	if err := s.precede(); err != nil {
		return nil, err
	}
	if err := s.addNodes(ctx, o.Nodes); err != nil {
		return nil, err
	}
	s.progress(fmt.Sprintf("waiting for %d nodes", o.Nodes))
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(o.Nodes)*time.Second)
	defer cancel()
	return s, s.AwaitUpstream(ctx, o.Nodes)
}

func (s *Site) progress(what string) {
	if s.options.Progress != nil {
		s.options.Progress(what)
	}
}

// prepare makes the folder, the secrets and the programs.
func (s *Site) prepare(ctx context.Context) (err error) {
	s.Dir = s.options.Dir
	if s.Dir == "" {
		s.temporary = true
		if s.Dir, err = os.MkdirTemp("", "onsale-cluster-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	// Nginx's workers may be another user, who must reach its cache folder.
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		return err
	}
	if err := errors.Join(s.Issuer.Save(filepath.Join(s.Dir, "keys.json")), savePlaceKeys(filepath.Join(s.Dir, "place-keys.json"))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "admin-token"), []byte(s.AdminToken), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.webhookSecrets(), []byte(s.Payments.Reveal()+"\n"), 0o600); err != nil {
		return err
	}
	if s.binaries = s.options.Binaries; s.binaries == "" {
		s.progress("building node, allocator and ledger")
		s.binaries = filepath.Join(s.Dir, "bin")
		return Build(ctx, s.binaries)
	}
	return nil
}

func (s *Site) webhookSecrets() string { return filepath.Join(s.Dir, "webhook-secrets") }

// Build compiles node, allocator and ledger into a folder. It needs Go and this
// module's source.
func Build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator),
		"onsale/cmd/node", "onsale/cmd/allocator", "onsale/cmd/ledger")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build of node, allocator and ledger (run this inside the onsale module): %w\n%s", err, out)
	}
	return nil
}

// Front is where buyers find the sale.
func (s *Site) Front() string { return s.Nginx.URL() }

// Stores returns the flags of where the cluster keeps its records.
func (s *Site) Stores() operate.StoreFlags {
	at := operate.StoreFlags{Redis: s.redis()}
	if share := s.options.Share; share != nil {
		at.Site.Name = share.Site
	}
	if s.Postgres != nil {
		at.Database.URL = s.Postgres.URL()
	}
	return at
}

// Open opens a sale through the admin API and returns once every node knows it.
func (s *Site) Open(ctx context.Context, d adminapi.Definition) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := s.AdminCall(ctx, http.MethodPost, "/admin/v1/sales", body); err != nil {
		return err
	}
	return s.AwaitSale(ctx, d.ID)
}

// AdminCall asks the first allocator that runs, and returns the body of a 2xx.
func (s *Site) AdminCall(ctx context.Context, method, path string, body []byte, header ...string) ([]byte, error) {
	for _, a := range s.Allocators {
		if !a.Running() {
			continue
		}
		return client.Client{Addr: a.Admin, Token: s.AdminToken}.Call(ctx, method, path, body, header...)
	}
	return nil, errors.New("no allocator runs")
}
