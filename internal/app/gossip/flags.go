package gossip

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"onsale/internal/app"
	"onsale/internal/membership"
)

// Flags configure how this process finds the others.
type Flags struct {
	Bind      string        `default:"0.0.0.0:7946" env:"ONSALE_GOSSIP_BIND" help:"host:port for gossip, UDP and TCP."`
	Advertise string        `env:"ONSALE_GOSSIP_ADVERTISE" help:"host:port that the others reach it at, if --gossip-bind names no host."`
	Seeds     []string      `env:"ONSALE_GOSSIP_SEEDS" help:"host:port of some members, for instance of the allocators."`
	Probe     time.Duration `default:"200ms" env:"ONSALE_GOSSIP_PROBE" help:"How often a member checks another one; a crash is known after about five times as long. Longer where many members share few processors."`
	KeyFile   string        `env:"ONSALE_GOSSIP_KEY_FILE" help:"File with keys that encrypt all gossip, one a line: 16, 24 or 32 bytes in base64. The first one encrypts, all decrypt, and a file that changes is read again. Without it gossip may listen on loopback alone."`
	Networks  []string      `default:"127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7" env:"ONSALE_GOSSIP_NETWORKS" help:"Networks that members may be in: an address outside of them, for gossip or for buyers, is not believed. Default: loopback and the private ones."`
}

// Config is the configuration of a member that these flags were given to.
func (f Flags) Config(name string, role membership.Role, insecure bool) (membership.Config, error) {
	c := membership.DefaultConfig()
	c.Insecure = insecure
	if err := errors.Join(app.Addresses{"--gossip-bind": {f.Bind}}.Check(true),
		app.Addresses{"--gossip-advertise": app.Given(f.Advertise), "--gossip-seeds": f.Seeds}.Check(false)); err != nil {
		return c, err
	}
	if len(f.Networks) > 0 {
		c.Networks = nil
	}
	for _, text := range f.Networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return c, fmt.Errorf("--gossip-networks %q: want networks such as 10.0.0.0/8", text)
		}
		c.Networks = append(c.Networks, network.Masked())
	}
	c.Name, c.Role, c.Bind, c.Advertise, c.Seeds = name, role, f.Bind, f.Advertise, f.Seeds
	if f.Probe != 0 {
		c.Probe = f.Probe
	}
	if f.KeyFile != "" {
		var err error
		if c.Keys, err = LoadKeys(f.KeyFile); err != nil {
			return c, err
		}
	}
	return c, nil
}
