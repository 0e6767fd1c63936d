package gossip

import (
	"errors"
	"fmt"
	"net"
)

// network is what a machine knows of its own addresses.
type network struct {
	// route is the address from which packets to elsewhere leave; an error
	// where there is no way out.
	route func() (net.IP, error)
	links func() ([]link, error)
}

// link is a network interface.
type link struct {
	flags net.Flags
	addrs []net.Addr
}

var thisMachine = network{route: defaultRoute, links: interfaces}

// Reachable turns a listening address into one that other machines can dial, see
// network.reachable.
func Reachable(listen string) (string, error) { return thisMachine.reachable(listen) }

// Beside is where others reach a second port of this process, see network.beside.
func Beside(listen, first string) string { return thisMachine.beside(listen, first) }

// reachable turns a listening address into one that other machines can dial.
// If it names no interface, the address of the default route stands in. A
// private address proves little: every bridge that a machine keeps for its
// containers has one, too. A machine without a way out gives the first
// address of an interface that runs.
func (n network) reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen address %q: %w", listen, err)
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return listen, nil
	}
	ip, noRoute := n.route()
	if noRoute == nil && dialable(ip) {
		return net.JoinHostPort(ip.String(), port), nil
	}
	links, err := n.links()
	if err != nil {
		return "", errors.Join(noRoute, err)
	}
	for _, l := range links {
		if !l.runs() {
			continue
		}
		for _, a := range l.addrs {
			if on, ok := a.(*net.IPNet); ok && dialable(on.IP) {
				return net.JoinHostPort(on.IP.String(), port), nil
			}
		}
	}
	return "", errors.Join(errors.New("this machine has no address that others could reach: set --advertise host:port"), noRoute)
}

// beside is where others reach a second port of a process. Where this machine
// has no address of its own to offer, the host at which they reach the first
// one stands in.
func (n network) beside(listen, first string) string {
	if reached, err := n.reachable(listen); err == nil {
		return reached
	}
	host, _, err1 := net.SplitHostPort(first)
	_, port, err2 := net.SplitHostPort(listen)
	if err1 != nil || err2 != nil {
		return listen // listening will fail, and report why
	}
	return net.JoinHostPort(host, port)
}

// dialable reports whether others might reach the address. Nobody has to have
// IPv6: an operator who wants it sets it.
func dialable(ip net.IP) bool { return ip.To4() != nil && ip.IsGlobalUnicast() }

// runs reports whether anything is at the other end. A bridge without
// containers is up, but does not run.
func (l link) runs() bool { return l.flags&net.FlagUp != 0 && l.flags&net.FlagRunning != 0 }

// defaultRoute asks the kernel which address it would send from. The target is
// one of those set aside for documentation, and nothing is sent: connecting a
// UDP socket only looks up the route.
func defaultRoute() (net.IP, error) {
	conn, err := net.Dial("udp4", "198.51.100.1:9")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP, nil
}

func interfaces() ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	links := make([]link, 0, len(all))
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", i.Name, err)
		}
		links = append(links, link{i.Flags, addrs})
	}
	return links, nil
}
