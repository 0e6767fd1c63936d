package membership

import (
	"context"
	"fmt"
	"log"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
)

// label marks our packets, so that an unencrypted cluster of something else
// on the same port cannot merge with ours.
const label = "onsale"

// memberlistConfig puts the configuration in memberlist's terms.
//
// When a member dies, another probes it within one probe interval, waits
// another one for an answer, and suspects it. Suspicion lasts
// Suspicion · max(1, log10 N) intervals once a second member confirms it, and
// twice that if nobody does. At 200 ms and 3 that is 0.8 s among twenty
// members and 1.2 s among a hundred, if it is confirmed in time. Then each
// member asks the dead one itself. BenchmarkCrashKnown measures all of it.
func (g *Gossip) memberlistConfig(ctx context.Context) (*memberlist.Config, error) {
	ip, port, err := splitBind(g.cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("membership: bind: %w", err)
	}
	c := memberlist.DefaultLANConfig()
	c.Name = g.cfg.Name
	c.Label = label
	c.BindAddr, c.BindPort = ip.String(), port
	c.AdvertisePort = port
	if g.cfg.Advertise != "" {
		if c.AdvertiseAddr, c.AdvertisePort, err = resolveAdvertise(ctx, g.cfg.Advertise); err != nil {
			return nil, err
		}
	}
	c.Keyring = g.keyring

	c.ProbeInterval = g.cfg.Probe
	// Half the interval for UDP, and the other half for the detours: three
	// peers asked to probe, and TCP. A UDP answer counts until the interval ends.
	c.ProbeTimeout = g.cfg.Probe / 2
	// A member whose probes fail takes itself for the sick one and probes more slowly, eight times at most by default. Forged
	// members, which never answer, bring every member there, and a crash was known after 3 to 10 s in place of 2 to 4. That a
	// sick member accuses others costs nobody his place: see verify.
	c.AwarenessMaxMultiplier = 3
	c.SuspicionMult = g.cfg.Suspicion
	// An unconfirmed suspicion waits twice as long: either the confirmations
	// are lost or, more likely, the accuser is the faulty one.
	c.SuspicionMaxTimeoutMult = 2
	c.GossipInterval = quietGossip * g.cfg.Gossip
	c.PushPullInterval = g.cfg.Sync
	c.DeadNodeReclaimTime = g.cfg.Reclaim
	c.TCPTimeout = streamTimeout
	// Metas are too small for compression to save more than it costs.
	c.EnableCompression = false

	c.Delegate = g.local
	c.Events = g.members
	c.Conflict = g.members
	c.Alive = g.members
	c.Ping = g.probes
	c.Logger = log.New(newLogWriter(g.log, time.Now), "", 0)

	c.Transport = g.transport
	if g.transport == nil {
		if c.Transport, err = listen(ip, port, c.Logger); err != nil {
			return nil, fmt.Errorf("membership: gossip on %s: %w", g.cfg.Bind, err)
		}
	}
	return c, nil
}

// resolveAdvertise finds the IP that memberlist wants in place of a host name.
func resolveAdvertise(ctx context.Context, address string) (string, int, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("membership: advertise: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return "", 0, fmt.Errorf("membership: advertise: %w", err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", 0, fmt.Errorf("membership: advertise %s: %w", address, err)
	}
	return ips[0].Unmap().String(), port, nil
}
