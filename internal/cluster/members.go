package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"onsale/internal/cluster/process"
)

// crowded is how many nodes share this machine's processors before gossip has to
// be told: with the usual probes, members that wait for their turn to run would
// take each other for dead.
const crowded = 20

// together is how many nodes start at the same time.
const together = 10

// addNodes starts nodes, a few at a time: all at once, none would get ready.
func (c *Cluster) addNodes(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(count)*time.Second)
	defer cancel()
	for started := 0; started < count; {
		var batch []*Member
		for ; len(batch) < together && started < count; started++ {
			n, err := c.AddNode()
			if err != nil {
				return err
			}
			batch = append(batch, n)
		}
		if count <= together {
			return nil // whoever started them awaits them
		}
		for _, n := range batch {
			if err := n.Await(ctx, func() error { return process.Get("http://" + n.Admin + "/readyz") }); err != nil {
				return err
			}
		}
		c.progress(fmt.Sprintf("%d of %d nodes are ready", started, count))
	}
	return nil
}

// AddAllocator starts one more allocator. Without Nginx it publishes no upstream.
func (c *Cluster) AddAllocator() error {
	m := &Member{Name: fmt.Sprintf("a%02d", len(c.Allocators)+1), path: filepath.Join(c.binaries, "allocator"), dir: c.Dir}
	gossip, err := c.addresses(&m.Admin)
	if err != nil {
		return err
	}
	m.Gossip = gossip
	m.args = append([]string{"--name", m.Name, "--admin", m.Admin, "--token-file", c.adminToken()}, c.common(gossip)...)
	if c.options.Ledgers == 0 && !c.options.LedgerLater {
		m.args = append(m.args, "--no-ledger")
	}
	if c.Nginx != nil {
		m.args = append(m.args, "--upstream", c.Nginx.Upstream,
			"--nginx-test="+strings.Join(c.Nginx.Test, " "), "--nginx-reload="+strings.Join(c.Nginx.Reload, " "))
	}
	c.Allocators = append(c.Allocators, m)
	return m.Start()
}

// AddLedger starts one more ledger.
func (c *Cluster) AddLedger() (*Member, error) {
	m := &Member{Name: fmt.Sprintf("l%02d", len(c.Ledgers)+1), path: filepath.Join(c.binaries, "ledger"), dir: c.Dir}
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	m.Admin = process.Loopback(port)
	m.args = append([]string{"--name", m.Name, "--admin", m.Admin, "--admin-token-file", c.adminToken()}, c.stores()...)
	m.args = append(m.args, c.options.LedgerArgs...)
	m.env = []string{"ONSALE_DATABASE_URL=" + c.Postgres.URL()}
	c.Ledgers = append(c.Ledgers, m)
	return m, m.Start()
}

// AddNode starts one more node.
func (c *Cluster) AddNode() (*Member, error) {
	m := &Member{Name: fmt.Sprintf("n%03d", len(c.Nodes)+1), path: filepath.Join(c.binaries, "node"), dir: c.Dir}
	gossip, err := c.addresses(&m.Admin, &m.Listen)
	if err != nil {
		return nil, err
	}
	m.Gossip = gossip
	m.args = append([]string{
		"--name", m.Name, "--admin", m.Admin, "--listen", m.Listen,
		"--token-keys", filepath.Join(c.Dir, "keys.json"), "--audience", Audience,
		"--webhook-secrets", c.webhookSecrets(), "--admin-token-file", c.adminToken(),
	}, c.common(gossip)...)
	m.args = append(m.args, c.options.NodeArgs...)
	c.Nodes = append(c.Nodes, m)
	return m, m.Start()
}

func (c *Cluster) adminToken() string { return filepath.Join(c.Dir, "admin-token") }

// addresses picks free loopback addresses: the given ones, and one for gossip.
func (c *Cluster) addresses(of ...*string) (gossip string, err error) {
	for _, a := range append(of, &gossip) {
		port, err := process.FreePort()
		if err != nil {
			return "", err
		}
		*a = process.Loopback(port)
	}
	return gossip, nil
}

// stores are the flags that say where Redis is and whose.
func (c *Cluster) stores() []string {
	args := c.redis().args()
	if share := c.options.Share; share != nil && share.Site != "" {
		args = append(args, "--site", share.Site)
	}
	return args
}

// common are the flags of every member. The first few members are everybody's
// seeds: should all allocators die, the nodes still find each other.
func (c *Cluster) common(gossip string) []string {
	args := append(c.stores(), "--gossip-bind", gossip)
	if c.options.Nodes > crowded {
		args = append(args, "--gossip-probe", "1s")
	}
	if len(c.seeds) > 0 {
		args = append(args, "--gossip-seeds", strings.Join(c.seeds, ","))
	}
	if len(c.seeds) < 4 {
		c.seeds = append(c.seeds, gossip)
	}
	return args
}
