package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"onsale/internal/sale"
)

// Mode is how Nginx takes the nodes.
type Mode int

const (
	// Rendered is server lines, which Nginx reads when it reloads (nginx/rendered.conf).
	Rendered Mode = iota
	// Peers is a file that Nginx's workers read by themselves (nginx/balancer.conf).
	Peers
)

// ErrMode means that Nginx takes its nodes in another way than they are published. Returned by [New].
var ErrMode = errors.New("nginx takes its nodes in another way")

// peersHeader begins a file of peers of any version.
const peersHeader = "onsale-peers "

// RenderPeers returns a file of peers for the view, with the nodes, weights and roles that
// [Render] has as server lines. The first line has the version, the number of nodes, and the
// CRC-32 (IEEE) of all that follows, so that a reader knows by it whether the file has changed, and
// whether it is whole. Then there is one line a node: address, weight, up, backup or down, and the
// name behind a #. The same nodes give the same bytes.
func RenderPeers(view sale.View) []byte {
	nodes := named(view)
	nobody := len(nodes.Selling()) == 0
	var lines bytes.Buffer
	for _, n := range nodes {
		fmt.Fprintf(&lines, "%s %d %s # %+q\n", n.Address, weight(n), role(n, nobody), n.Name)
	}
	return append(fmt.Appendf(nil, "%s1 %d %08x\n", peersHeader, len(nodes), crc32.ChecksumIEEE(lines.Bytes())), lines.Bytes()...)
}

// render returns the file for the view.
func (m Mode) render(view sale.View) []byte {
	if m == Peers {
		return RenderPeers(view)
	}
	return Render(view)
}

// included finds which of the two nodes.conf includes.
var included = regexp.MustCompile(`(?m)^\s*include\s+(balancer|rendered)\.conf\s*;`)

// checkSite returns an [ErrMode] if Nginx's files show another mode: the site's nodes.conf, where it is
// beside the file, or what the file has been so far. An Nginx that is out of sight, as in a
// container of its own, can't be checked.
func (c Config) checkSite() error {
	site := filepath.Join(filepath.Dir(c.File), "nodes.conf")
	conf, err := os.ReadFile(site)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if m := included.FindSubmatch(conf); m != nil && (string(m[1]) == "balancer") != (c.Mode == Peers) {
		return fmt.Errorf("%w: %s includes %s.conf, which needs %s", ErrMode, site, m[1], flags[string(m[1]) == "balancer"])
	}
	old, err := os.ReadFile(c.File)
	if err != nil {
		return nil // a file that can't be read is reported when it is published
	}
	if is := strings.HasPrefix(string(old), peersHeader); is != (c.Mode == Peers) && len(bytes.TrimSpace(old)) > 0 {
		return fmt.Errorf("%w: %s is a file for %s", ErrMode, c.File, flags[is])
	}
	return nil
}

// flags are how an allocator is started for Peers, and otherwise.
var flags = map[bool]string{
	true:  "--peers site/peers, without --nginx-test and --nginx-reload",
	false: "--upstream site/upstream.conf",
}
