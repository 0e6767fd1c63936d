package membership

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"onsale/internal/sale"
)

// Role is what a member does. Only nodes appear in the view.
type Role string

// The roles of a member.
const (
	RoleNode      Role = "node"
	RoleAllocator Role = "allocator"
)

// Bounds of a member's meta. They keep it below
// memberlist's 512 bytes, past which it panics.
const (
	MaxNameLength    = 64
	MaxAddressLength = 260 // a DNS name, a colon and a port
	MaxWeight        = sale.MaxWeight
)

// Config describes one member and how its gossip runs.
type Config struct {
	Name      string   // unique in the cluster: letters, digits, '.', '_' and '-'
	Role      Role     // what it does
	Bind      string   // IP:port for gossip, UDP and TCP; port 0 takes a free one, no IP means all of IPv4
	Advertise string   // host:port that the others reach it at; empty: Bind
	Seeds     []string // host:port of members to join through; its own address among them is ignored
	Keys      Keys     // encrypt all gossip; empty: no encryption
	// Insecure lets a member without a key listen beyond loopback. Anyone who reaches it there can make the others believe
	// that a node drains or is not ready.
	Insecure bool
	// Networks are where members may be: an address outside of them, for gossip or for buyers, is not believed.
	// Wider, somebody who can gossip leads buyers further astray; narrower, nodes elsewhere are left out.
	Networks []netip.Prefix
	Node     sale.Node // how the others are to see it, without its name; nodes only

	// Probe is how often a member checks another one, and how long an answer
	// may take. Raised, crashes are known later, in proportion; lowered, a busy
	// machine's slow answers make suspects of live nodes, and the probes cost more.
	Probe time.Duration
	// Suspicion is how many probe intervals, times log10 of the members but at
	// least once, a suspect has to contradict. Raised, crashes are known later;
	// lowered, a pause of that length takes a live node out of the view.
	// Below 3, one member's report suffices against another.
	Suspicion int
	// Gossip is how often news that can't wait is sent, to three members at a
	// time: crashes, departures and what this member announces. Other news goes
	// with probes and their answers, and ten times as slowly by itself. Raised,
	// news and contradictions spread later; lowered, members wake up more
	// often. How often each piece of news is sent stays the same.
	Gossip time.Duration
	// Sync is how often a member exchanges its whole state with a random other
	// one. Raised, news lost with its packets is missed for longer; lowered,
	// each member encodes and sends the whole member list that often.
	Sync time.Duration
	// Rejoin is how often the seeds are joined again; while none of them lets
	// the member in, ten times as often. Raised, a healed split stays open for
	// longer; lowered, the seeds exchange whole states with everyone that often.
	Rejoin time.Duration
	// Reclaim is how long after a member failed its name may return from another
	// address. Raised, a restart elsewhere waits; the name guard already keeps
	// impostors out, so there is little to gain by it.
	Reclaim time.Duration
	// Settle is how long a view may lack registered nodes before it counts as complete all the same. Raised, the
	// first plan after a start waits longer for a node that has just died; lowered, it is made for the nodes whose
	// gossip happened to arrive first.
	Settle time.Duration
	// Leave bounds each of the two announcements, draining and leaving. Raised, a
	// member that reaches nobody stops that much later; lowered, the others may
	// take its departure for a crash.
	Leave time.Duration
}

// DefaultConfig returns the tunables that the design was measured with. Name,
// seeds and, for a node, the buyer API's address are the caller's to add.
func DefaultConfig() Config {
	return Config{
		Role:      RoleNode,
		Bind:      "0.0.0.0:7946",
		Node:      sale.Node{Weight: 1},
		Probe:     200 * time.Millisecond,
		Suspicion: 3,
		Gossip:    50 * time.Millisecond,
		Sync:      15 * time.Second,
		Rejoin:    5 * time.Second,
		Reclaim:   10 * time.Millisecond,
		Settle:    2 * time.Second,
		Leave:     time.Second,
		Networks:  PrivateNetworks(),
	}
}

// PrivateNetworks are loopback and what nobody routes on the internet, each of which is a site's own.
func PrivateNetworks() []netip.Prefix {
	var all []netip.Prefix
	for _, n := range []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"} {
		all = append(all, netip.MustParsePrefix(n))
	}
	return all
}

// within reports whether the address is in one of the networks.
func (c Config) within(ip netip.Addr) bool {
	return slices.ContainsFunc(c.Networks, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// checkBuyers accepts the address of a buyers' API that Nginx can be given: an IP within the networks.
func (c Config) checkBuyers(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q: want IP:port: nodes are named by IP alone; set --advertise IP:port", address)
	}
	if !c.within(at.Addr()) {
		return fmt.Errorf("%q is in none of the networks %v: members there are not believed; set --gossip-networks", address, c.Networks)
	}
	return nil
}

// Validate reports every fault of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(err error, field string) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", field, err))
		}
	}
	check(checkName(c.Name), "name")
	check(c.checkBind(), "bind")
	check(c.checkAdvertise(), "advertise")
	for _, seed := range c.Seeds {
		check(checkAddress(seed), "seed")
	}
	check(c.Keys.check(), "keys")
	check(c.selfMeta().check(), "member")
	if c.Role == RoleNode && checkAddress(c.Node.Address) == nil {
		check(c.checkBuyers(c.Node.Address), "address")
	}
	if len(c.Networks) == 0 {
		check(errors.New("want at least one"), "networks")
	}
	if c.Suspicion < 2 {
		check(fmt.Errorf("%d: want at least 2", c.Suspicion), "suspicion")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"probe", c.Probe}, {"gossip", c.Gossip}, {"sync", c.Sync},
		{"rejoin", c.Rejoin}, {"reclaim", c.Reclaim}, {"settle", c.Settle}, {"leave", c.Leave},
	} {
		if d.value < time.Millisecond {
			check(fmt.Errorf("%v: want at least 1ms", d.value), d.field)
		}
	}
	return errors.Join(faults...)
}

func (c Config) checkBind() error {
	ip, _, err := splitBind(c.Bind)
	if err != nil {
		return err
	}
	if ip == netip.IPv6Unspecified() && c.Advertise == "" {
		return fmt.Errorf("%q: all of IPv6 needs an address to advertise", c.Bind)
	}
	if len(c.Keys) == 0 && !c.Insecure && !ip.Unmap().IsLoopback() {
		return fmt.Errorf("%q: without a key anyone who reaches this port can join and mislead the others: set --gossip-key-file (make secrets makes a key), listen on loopback, or set --insecure-gossip", c.Bind)
	}
	return nil
}

func (c Config) checkAdvertise() error {
	if c.Advertise == "" {
		return nil
	}
	// With a port of the kernel's choice memberlist advertises that port,
	// whatever the configuration is.
	if _, port, err := splitBind(c.Bind); err == nil && port == 0 {
		return fmt.Errorf("%q: needs a bind port other than 0", c.Advertise)
	}
	return checkAddress(c.Advertise)
}

// splitBind takes an address to listen on apart. Host names are refused:
// memberlist would listen on every interface instead.
func splitBind(address string) (netip.Addr, int, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: want IP:port", address)
	}
	if host == "" {
		host = netip.IPv4Unspecified().String()
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: want IP:port, and %q is not an IP", address, host)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: port %q is not a number from 0 to 65535", address, portText)
	}
	return ip, int(port), nil
}
