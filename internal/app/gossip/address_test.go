package gossip

import (
	"errors"
	"net"
	"strings"
	"testing"
)

var errNoRoute = errors.New("network is unreachable")

// running is a link that carries the addresses.
func running(addrs ...string) link {
	return link{net.FlagUp | net.FlagRunning, networks(addrs)}
}

func networks(addrs []string) (all []net.Addr) {
	for _, a := range addrs {
		all = append(all, &net.IPNet{IP: net.ParseIP(a), Mask: net.CIDRMask(16, 32)})
	}
	return all
}

// machine routes by the address, or not at all where it is empty.
func machine(route string, links ...link) network {
	return network{
		route: func() (net.IP, error) {
			if route == "" {
				return nil, errNoRoute
			}
			return net.ParseIP(route), nil
		},
		links: func() ([]link, error) { return links, nil },
	}
}

func TestReachable(t *testing.T) {
	lo := running("127.0.0.1", "::1")
	eth0 := running("fe80::1", "203.0.113.7", "2001:db8::7")
	bridge := running("172.17.0.1")
	idle := link{net.FlagUp, networks([]string{"172.17.0.1"})} // a bridge without containers
	down := link{net.FlagRunning, networks([]string{"10.0.0.9"})}
	for name, test := range map[string]struct {
		on           network
		listen, want string
	}{
		"an address given is kept":                    {machine("203.0.113.7", eth0), "10.0.0.3:8081", "10.0.0.3:8081"},
		"a name given is kept":                        {machine("203.0.113.7", eth0), "node.example:8081", "node.example:8081"},
		"the route's wins over a bridge's":            {machine("203.0.113.7", lo, bridge, eth0), ":8081", "203.0.113.7:8081"},
		"all of IPv4 is no address":                   {machine("203.0.113.7", lo, eth0), "0.0.0.0:8081", "203.0.113.7:8081"},
		"all of IPv6 is no address":                   {machine("203.0.113.7", lo, eth0), "[::]:8081", "203.0.113.7:8081"},
		"without a route it is the first that runs":   {machine("", lo, idle, down, eth0, bridge), ":8081", "203.0.113.7:8081"},
		"a route into itself is none":                 {machine("127.0.0.1", lo, eth0), ":8081", "203.0.113.7:8081"},
		"a route that has but a link's own is none":   {machine("169.254.3.4", lo, eth0), ":8081", "203.0.113.7:8081"},
		"an IPv6 route leaves the first IPv4 address": {machine("2001:db8::7", lo, eth0), ":8081", "203.0.113.7:8081"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := test.on.reachable(test.listen); got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	t.Run("a machine alone gets an error that names the flag", func(t *testing.T) {
		got, err := machine("", lo, idle).reachable(":8081")
		if got != "" || !errors.Is(err, errNoRoute) || !strings.Contains(err.Error(), "--advertise") {
			t.Errorf("got %q, %v, want %v and the flag to use", got, err, errNoRoute)
		}
	})
	t.Run("no port is an error", func(t *testing.T) {
		if got, err := machine("203.0.113.7").reachable("10.0.0.3"); err == nil {
			t.Errorf("got %q, want an error", got)
		}
	})
}

func TestBeside(t *testing.T) {
	eth0 := running("203.0.113.7")
	for name, test := range map[string]struct {
		on                  network
		listen, first, want string
	}{
		"an address given is kept":                     {machine("203.0.113.7", eth0), "127.0.0.1:9081", "203.0.113.7:8081", "127.0.0.1:9081"},
		"no address is this machine's":                 {machine("203.0.113.7", eth0), ":9081", "front.example:443", "203.0.113.7:9081"},
		"and that of the first port where it has none": {machine(""), ":9081", "10.0.0.3:8081", "10.0.0.3:9081"},
		"what nobody can listen on stays as it is":     {machine(""), "9081", "10.0.0.3:8081", "9081"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.on.beside(test.listen, test.first); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The kernel's answer is one of this machine's own addresses, or none.
func TestDefaultRouteIsOnALinkThatRuns(t *testing.T) {
	ip, err := defaultRoute()
	if err != nil {
		t.Logf("no way out of this machine: %v", err)
		return
	}
	links, err := interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		for _, a := range l.addrs {
			if on, ok := a.(*net.IPNet); ok && on.IP.Equal(ip) && l.runs() {
				return
			}
		}
	}
	t.Errorf("got %v, want an address of one of %v", ip, links)
}
