package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onsale/internal/testbed/process"
)

// maxAtDefaultPace is how many nodes can share this machine's processors before gossip
// has to be slowed down: with the usual probes, members that wait for their turn to run
// would take each other for dead.
const maxAtDefaultPace = 20

// together is how many nodes start at the same time.
const together = 10

// addNodes starts nodes, a few at a time: all at once, none would get ready.
func (s *Site) addNodes(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(count)*time.Second)
	defer cancel()
	for started := 0; started < count; {
		var batch []*Member
		for ; len(batch) < together && started < count; started++ {
			n, err := s.AddNode()
			if err != nil {
				return err
			}
			batch = append(batch, n)
		}
		if count <= together {
			return nil // anyone who started them awaits them
		}
		for _, n := range batch {
			if err := n.Await(ctx, func() error { return process.Get("http://" + n.Admin + "/readyz") }); err != nil {
				return err
			}
		}
		s.progress(fmt.Sprintf("%d of %d nodes are ready", started, count))
	}
	return nil
}

// precede gives what would have machines of its own elsewhere precedence over the nodes, if the options ask for it. A hundred nodes
// would leave each a hundredth of the processors, and calls of Redis and connections run into their time limits because of that.
func (s *Site) precede() error {
	if !s.options.Precedence {
		return nil
	}
	var all []*process.Process
	for _, r := range s.servers() {
		all = append(all, r.Process)
	}
	if s.Nginx != nil {
		all = append(all, s.Nginx.Process)
	}
	for _, a := range s.Allocators {
		all = append(all, a.Process)
	}
	for _, p := range all {
		if err := p.Precede(); errors.Is(err, os.ErrPermission) {
			s.progress("Redis and nginx get no precedence over the nodes, which takes root")
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// AddAllocator starts one more allocator. Without Nginx it publishes no upstream.
func (s *Site) AddAllocator() error {
	m := &Member{Name: fmt.Sprintf("a%02d", len(s.Allocators)+1), path: filepath.Join(s.binaries, "allocator"), dir: s.Dir, env: s.environment()}
	gossip, err := s.addresses(&m.Admin)
	if err != nil {
		return err
	}
	m.Gossip = gossip
	m.args = append([]string{"--name", m.Name, "--admin", m.Admin, "--admin-token-file", s.adminToken()}, s.common(gossip)...)
	if s.options.Ledgers == 0 && !s.options.LedgerLater {
		m.args = append(m.args, "--no-ledger")
	}
	switch {
	case s.Nginx == nil:
	case s.options.Balancer:
		m.args = append(m.args, "--peers", s.Nginx.Peers)
	default:
		m.args = append(m.args, "--upstream", s.Nginx.Upstream,
			"--nginx-test="+strings.Join(s.Nginx.Test, " "), "--nginx-reload="+strings.Join(s.Nginx.Reload, " "))
	}
	m.args = append(m.args, s.options.AllocatorArgs...)
	s.Allocators = append(s.Allocators, m)
	return m.Start()
}

// AddLedger starts one more ledger.
func (s *Site) AddLedger() (*Member, error) {
	m := &Member{Name: fmt.Sprintf("l%02d", len(s.Ledgers)+1), path: filepath.Join(s.binaries, "ledger"), dir: s.Dir}
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	m.Admin = process.Loopback(port)
	m.args = append([]string{"--name", m.Name, "--admin", m.Admin, "--admin-token-file", s.adminToken()}, s.stores()...)
	m.args = append(m.args, s.options.LedgerArgs...)
	m.env = append(s.environment(), "ONSALE_DATABASE_URL="+s.Postgres.URL())
	s.Ledgers = append(s.Ledgers, m)
	return m, m.Start()
}

// AddNode starts one more node.
func (s *Site) AddNode() (*Member, error) {
	m := &Member{Name: fmt.Sprintf("n%03d", len(s.Nodes)+1), path: filepath.Join(s.binaries, "node"), dir: s.Dir, env: s.environment()}
	gossip, err := s.addresses(&m.Admin, &m.Listen)
	if err != nil {
		return nil, err
	}
	m.Gossip = gossip
	m.args = append([]string{
		"--name", m.Name, "--admin", m.Admin, "--listen", m.Listen,
		"--token-keys", filepath.Join(s.Dir, "keys.json"), "--audience", Audience,
		"--place-keys", filepath.Join(s.Dir, "place-keys.json"),
		"--webhook-secrets", s.webhookSecrets(), "--admin-token-file", s.adminToken(),
	}, s.common(gossip)...)
	m.args = append(m.args, s.options.NodeArgs...)
	if c := s.options.NodeCommand; len(c) > 0 {
		m.path, m.args = c[0], append(slices.Clone(c[1:]), m.args...)
	}
	s.Nodes = append(s.Nodes, m)
	return m, m.Start()
}

func (s *Site) adminToken() string { return filepath.Join(s.Dir, "admin-token") }

// addresses picks free loopback addresses: the given ones, and one for gossip.
func (s *Site) addresses(of ...*string) (gossip string, err error) {
	for _, a := range append(of, &gossip) {
		port, err := process.FreePort()
		if err != nil {
			return "", err
		}
		*a = process.Loopback(port)
	}
	return gossip, nil
}

// environment is what every member has in its own: secrets are no flags. This machine may have a file for a
// site of its own, which is not theirs.
func (s *Site) environment() []string {
	env := []string{"ONSALE_CONFIG="}
	if password := s.redis().Password; password != "" {
		env = append(env, "ONSALE_REDIS_PASSWORD="+password)
	}
	return env
}

// stores are the flags of where Redis is and whose.
func (s *Site) stores() []string {
	args := redisArgs(s.redis())
	if share := s.options.Share; share != nil && share.Site != "" {
		args = append(args, "--site", share.Site)
	}
	return args
}

// common are the flags of every member. The first few members are everybody's
// seeds: should all allocators die, the nodes still find each other.
func (s *Site) common(gossip string) []string {
	args := append(s.stores(), "--gossip-bind", gossip)
	if key := s.options.GossipKeyFile; key != "" {
		args = append(args, "--gossip-key-file", key)
	}
	if s.options.Nodes > maxAtDefaultPace {
		args = append(args, "--gossip-probe", "1s")
	}
	if len(s.seeds) > 0 {
		args = append(args, "--gossip-seeds", strings.Join(s.seeds, ","))
	}
	if len(s.seeds) < 4 {
		s.seeds = append(s.seeds, gossip)
	}
	return args
}
