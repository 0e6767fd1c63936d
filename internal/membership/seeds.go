package membership

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"onsale/internal/failurelog"
	"onsale/internal/pause"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

// hurry is how many of a round's ten-fold quicker successors follow while the
// others still take this member's name for its dead former self's. They accept
// it only after that one has gone from alive to suspect to failed, and only
// the first of these shows as a conflict; ten rounds outlast the rest.
const hurry = 10

// notJoined is logged when a seed stops letting this member in.
var notJoined = &failurelog.Kind{Begins: "gossip seed can't be joined", Over: "gossip seed can be joined again", Level: zap.WarnLevel}

// keepJoining joins the seeds now and again until ctx ends. It never stops
// trying: a seed that is a member today may be on the other side of a split
// tomorrow, and it takes a join to heal that.
func (g *Gossip) keepJoining(ctx context.Context, list *memberlist.Memberlist) {
	seeds := failurelog.New(g.log, func(seed string, _ *failurelog.Kind) []zap.Field {
		return []zap.Field{zap.String("peer", seed)}
	})
	hurried := 0 // rounds to come that are quick
	for {
		let := g.joinSeeds(ctx, list, seeds)
		if g.members.contested.Swap(false) {
			hurried = hurry
		}
		wait := g.cfg.Rejoin
		if !let || hurried > 0 {
			wait /= 10
			hurried = max(0, hurried-1)
		}
		// The jitter keeps members that started together from asking the
		// seeds together for ever.
		wait += rand.N(wait/5 + 1)
		if !pause.For(ctx, wait) {
			return
		}
	}
}

// joinSeeds exchanges states with one seed after the other, in random order,
// until one lets this member in. It also does so with every one that could not be
// reached before, which is how a split heals. With all of them, a hundred members
// would spend a fifth of a core on exchanging what they know. It reports
// whether one let this member in, or there is none to ask but the member itself.
// seeds keeps which could not be reached in the last round.
func (g *Gossip) joinSeeds(ctx context.Context, list *memberlist.Memberlist, seeds *failurelog.Log[string]) bool {
	refused, let := false, false
	for _, i := range rand.Perm(len(g.cfg.Seeds)) {
		seed := g.cfg.Seeds[i]
		if let && !seeds.Failing(seed) {
			continue
		}
		asked, err := g.joinSeed(ctx, list, seed)
		if ctx.Err() != nil {
			return true
		}
		refused = refused || err != nil
		let = let || asked && err == nil
		if err != nil {
			seeds.Note(seed, notJoined, err)
		} else {
			seeds.Note(seed, nil, nil)
		}
	}
	return let || !refused
}

// joinSeed succeeds if one of the addresses that the seed's name stands for
// lets this member in. It reports false if there is none but this member's own.
func (g *Gossip) joinSeed(ctx context.Context, list *memberlist.Memberlist, seed string) (asked bool, err error) {
	addresses, err := g.resolveSeed(ctx, seed)
	if err != nil || len(addresses) == 0 {
		return false, err
	}
	let, err := list.Join(addresses)
	if let == 0 {
		return true, firstOf(err)
	}
	return true, nil
}

// resolveSeed returns every address that a seed's name stands for, without
// this member's own: joining itself would look like success.
func (g *Gossip) resolveSeed(ctx context.Context, seed string) ([]string, error) {
	host, portText, err := net.SplitHostPort(seed)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, ip := range ips {
		address := netip.AddrPortFrom(ip.Unmap(), uint16(port)).String()
		if address != g.address {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}

// firstOf takes the first of memberlist's list of errors: there is one per
// address, mostly one address, and the list's text takes several lines.
func firstOf(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
