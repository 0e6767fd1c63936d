package testbed

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"

	"onsale/internal/testbed/process"
)

// proof is how many requests in a row nodes must have answered through Nginx.
// After a reload the old workers, who know the old upstream, take connections
// for another tenth of a second beside the new ones; so many requests, ten
// milliseconds apart, take longer than that.
const proof = 25

// AwaitUpstream returns once n nodes sell: they, the allocators and the ledgers are ready,
// an upstream of n selling nodes is in force, and Nginx leads buyers to them.
// The file alone proves little: it is written before Nginx tests and reads it.
func (s *Site) AwaitUpstream(ctx context.Context, n int) error {
	for _, m := range slices.Concat(s.Allocators, s.Ledgers, s.Nodes) {
		if err := m.Await(ctx, func() error { return process.Get("http://" + m.Admin + "/readyz") }); err != nil {
			return err
		}
	}
	if s.Nginx == nil {
		return nil
	}
	if err := s.Nginx.Await(ctx, func() error { return s.published(n) }); err != nil {
		return err
	}
	row := 0
	return s.Nginx.Await(ctx, func() error {
		if err := s.served(); err != nil {
			row = 0
			return err
		}
		if row++; row < proof {
			return fmt.Errorf("nodes have answered %d requests in a row, want %d", row, proof)
		}
		return nil
	})
}

// published succeeds when the upstream's file names n selling nodes and an allocator
// reports that it published so many. Both, because an allocator that finds the
// file right already, written by another one, still reports what it published last.
func (s *Site) published(n int) error {
	asked, err := s.Upstream()
	if err != nil {
		return err
	}
	if len(asked) != n {
		return fmt.Errorf("nginx's upstream has %d selling nodes, want %d", len(asked), n)
	}
	inForce := fmt.Appendf(nil, "\nonsale_upstream_selling_nodes %d\n", n)
	for _, a := range s.Allocators {
		if _, metrics, err := process.Fetch("http://" + a.Admin + "/metrics"); err == nil && bytes.Contains(metrics, inForce) {
			return nil
		}
	}
	return fmt.Errorf("no allocator has reloaded nginx with %d selling nodes", n)
}

// serverLine finds a node in the upstream's file of either kind: address, weight, role, name.
var serverLine = regexp.MustCompile(`(?m)^(?:server ([^\s;]+)(?: weight=(\d+))?[^;#\n]*?( down| backup)?;(?: # "(.*)")?|(\S+:\d+) (\d+) (up|backup|down) # "(.*)")$`)

// Upstream returns the weights, by name (or by address, if it has none), of the nodes that the upstream's file has buyers led to.
func (s *Site) Upstream() (map[string]int, error) {
	file, err := os.ReadFile(s.Nginx.Upstream + s.Nginx.Peers)
	if err != nil {
		return nil, err
	}
	weights := map[string]int{}
	for _, m := range serverLine.FindAllStringSubmatch(string(file), -1) {
		if role := m[3] + m[7]; role == "" || role == "up" {
			weight, err := strconv.Atoi(cmp.Or(m[2]+m[6], "1"))
			if err != nil {
				return nil, err
			}
			weights[cmp.Or(m[4]+m[8], m[1])] = weight
		}
	}
	return weights, nil
}

// served succeeds when a node answers through Nginx. Only a node knows that a
// sale is unknown; without a node Nginx answers 502.
func (s *Site) served() error {
	status, body, err := process.Fetch(s.Front() + "/v1/sales/no-such-sale")
	if err != nil {
		return err
	}
	if status != http.StatusNotFound || !bytes.Contains(body, []byte(`"sale-unknown"`)) {
		return fmt.Errorf("nginx answers %d in place of a node: %s", status, body)
	}
	return nil
}

// AwaitSale returns once every node that runs knows the sale.
func (s *Site) AwaitSale(ctx context.Context, id string) error {
	for _, m := range s.Nodes {
		if !m.Running() {
			continue
		}
		if err := m.Await(ctx, func() error { return process.Get("http://" + m.Listen + "/v1/sales/" + id) }); err != nil {
			return err
		}
	}
	return nil
}
