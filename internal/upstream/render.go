package upstream

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"onsale/internal/sale"
)

const header = "# The nodes, as gossip knows them. Rendered by the allocator: changes here are lost.\n"

// placeholder keeps Nginx valid while no node is known: it refuses an upstream without
// servers. Buyers get Nginx's own 502.
const placeholder = "server 127.0.0.1:9 down; # no node is known\n"

// Three failures set a node aside for fail_timeout, after which one request tries it
// again. Five seconds outlast a crash's detection by gossip (about one) and the reload
// that drops it, so that a dead node costs a few retries and not waves of them. One
// failure would be too few: an accident would idle a node of a small cluster. A node's
// own 503 is an answer, and counts as none.
const failover = "max_fails=3 fail_timeout=5s"

// lastResort never gives up the only node that there is to ask: without it Nginx would
// answer 502 to everybody, so a failing node is the better one.
const lastResort = "max_fails=0"

// maxWeight bounds one node's share: Nginx adds weights up in machine words, and
// refuses a weight it cannot parse.
const maxWeight = 1_000_000

// ErrBadNode marks a node that cannot be named in upstream.conf. Returned by [Check].
var ErrBadNode = errors.New("node left out of the upstream")

// MaxNodes is how many nodes the upstream has room for: its zone in nginx.conf is sized
// for twice as many, and Nginx refuses the whole file where a zone is too small.
const MaxNodes = 4096

// ErrFull marks a view of more nodes than [MaxNodes].
var ErrFull = errors.New("the upstream is full")

// fit returns a view that there is room for, and how many of the nodes that could be named
// it leaves out. Nodes that the file names already stay: many new members, forged
// ones perhaps, must not take the place of those that sell. Then come those that sell.
func fit(view sale.View, file []byte) (fitting sale.View, left int) {
	if len(view) <= MaxNodes {
		return view, 0
	}
	nodes := named(view)
	there := map[string]bool{}
	for line := range strings.Lines(string(file)) {
		line, _ = strings.CutPrefix(line, "server ") // a file of peers begins its lines with the address
		if fields := strings.Fields(line); len(fields) > 0 {
			there[fields[0]] = true
		}
	}
	last := func(n sale.Node) int {
		switch {
		case there[n.Address]:
			return 0
		case n.Selling():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(nodes, func(a, b sale.Node) int { return cmp.Compare(last(a), last(b)) })
	kept := min(len(nodes), MaxNodes)
	return nodes[:kept], len(nodes) - kept
}

// Render returns upstream.conf for the view: one server line a node, sorted by name.
// Nodes that drain or are drained are marked down. Unready ones are backups, asked only if none
// of the ready ones answers: their own 503 is more precise than Nginx's 502. That happens: when
// Redis is away all nodes turn unready, except one that died a moment before and whose
// death gossip has not reported yet. If no node sells, all are up. Nodes that [Check] reports
// are left out. The same nodes give the same bytes.
func Render(view sale.View) []byte {
	nodes := named(view)
	nobody := len(nodes.Selling()) == 0
	asked := 0
	for _, n := range nodes {
		if role(n, nobody) != down {
			asked++
		}
	}
	failover := failover
	if asked == 1 {
		failover = lastResort
	}
	var b bytes.Buffer
	b.WriteString(header)
	if len(nodes) == 0 {
		b.WriteString(placeholder)
	}
	for _, n := range nodes {
		// Quoted, a name has no line break left with which to leave the comment.
		parameter := ""
		if r := role(n, nobody); r != up {
			parameter = " " + r
		}
		fmt.Fprintf(&b, "server %s weight=%d %s%s; # %+q\n", n.Address, weight(n), failover, parameter, n.Name)
	}
	return b.Bytes()
}

// The roles of a node: asked, asked only if no other one can be, never asked.
const (
	up     = "up"
	backup = "backup"
	down   = "down"
)

// role is what Nginx has to know of the node beside its address. nobody: no node sells.
func role(n sale.Node, nobody bool) string {
	switch {
	case nobody || n.Selling():
		return up
	case n.Draining, n.Drained:
		return down
	}
	return backup
}

// named returns the nodes of the view that a server line can name, sorted by name, their
// addresses in the one form that is safe to print.
func named(view sale.View) sale.View {
	nodes := make(sale.View, 0, len(view))
	for _, n := range view {
		if addr, err := address(n); err == nil {
			n.Address = addr
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b sale.Node) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	})
	return nodes
}

// Check reports every node of the view that [Render] leaves out, each as an
// [ErrBadNode] naming it and its fault, or returns nil.
func Check(view sale.View) error {
	var faults []error
	for _, n := range view {
		if _, err := address(n); err != nil {
			faults = append(faults, fmt.Errorf("%w: %.64q: %w", ErrBadNode, n.Name, err))
		}
	}
	return errors.Join(faults...)
}

// address is where Nginx reaches the node. It comes from gossip, so it is parsed and
// printed anew: nothing of what a member wrote gets into the file as it was. Only IP
// addresses will do: Nginx looks names up when it reads the file, and would refuse all
// of it, at the worst moment, because of one name that is gone.
func address(n sale.Node) (string, error) {
	a, err := netip.ParseAddrPort(n.Address)
	if err != nil {
		return "", fmt.Errorf("address %.64q: want IP:port", n.Address)
	}
	ip := a.Addr().Unmap()
	if ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() || a.Port() == 0 {
		return "", fmt.Errorf("address %.64q: want one machine's IP and a port", n.Address)
	}
	return netip.AddrPortFrom(ip, a.Port()).String(), nil
}

// weight is n's, within what Nginx accepts.
func weight(n sale.Node) int { return min(max(n.Weight, 1), maxWeight) }
