package membership

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

func TestSplitHeals(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 4)
	sides := [][]*testMember{nodes[:2], nodes[2:]}
	for _, side := range sides {
		own := map[string]bool{"": true}
		for _, m := range side {
			own[m.LocalAddr()] = true
		}
		for _, m := range side {
			m.wire.reach(func(address string) bool { return own[address] })
		}
	}
	for _, side := range sides {
		await.Within(t, 10*time.Second, "each side alone", func() bool { return allSee(side, 2) })
	}
	for _, m := range nodes {
		m.wire.reach(func(string) bool { return true })
	}
	await.Within(t, 10*time.Second, "one cluster again", func() bool { return allSee(nodes, 4) })
	for _, m := range nodes[2:] {
		if got := m.logs.FilterMessage("gossip seed can't be joined").Len(); got != 1 {
			t.Errorf("%s: got %d lines about the lost seed, want 1", m.cfg.Name, got)
		}
	}
}

func TestASeedThatStartsLaterIsJoined(t *testing.T) {
	t.Parallel()
	seed := freeAddress(t)
	early := start(t, testConfig("early", seed))
	await.Within(t, 5*time.Second, "the missing seed logged", func() bool {
		return early.logs.FilterMessage("gossip seed can't be joined").Len() == 1
	})
	cfg := testConfig("late", seed) // itself among its seeds, as in a real configuration
	cfg.Bind = seed
	late := start(t, cfg)
	await.Within(t, 5*time.Second, "both together", func() bool { return allSee([]*testMember{early, late}, 2) })
	await.Within(t, 5*time.Second, "the found seed logged", func() bool {
		return early.logs.FilterMessage("gossip seed can be joined again").Len() == 1
	})
	if got := late.logs.FilterMessage("gossip seed can't be joined").Len(); got != 0 {
		t.Errorf("got %d complaints about its own address, want 0", got)
	}
}

func TestAMemberIsNoSeedOfItsOwn(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig("a"))
	_, port, err := net.SplitHostPort(m.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	for seed, want := range map[string][]string{
		m.LocalAddr():       nil,
		"127.0.0.2:" + port: {"127.0.0.2:" + port},
		"127.0.0.1:1":       {"127.0.0.1:1"},
	} {
		got, err := m.resolveSeed(t.Context(), seed)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("seed %s: got %v, %v, want %v", seed, got, err, want)
		}
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	key := func(c byte) []byte { return []byte(strings.Repeat(string(c), 32)) }
	cfg := testConfig("a")
	cfg.Keys = Keys{key('a')}
	a := start(t, cfg)

	cfg = testConfig("b", a.LocalAddr())
	cfg.Keys = Keys{key('a')}
	b := start(t, cfg)
	await.Within(t, 5*time.Second, "members with one key together", func() bool { return allSee([]*testMember{a, b}, 2) })

	for name, wrong := range map[string]Keys{"another key": {key('b')}, "no key": nil} {
		t.Run(name+" never joins and logs it", func(t *testing.T) {
			cfg := testConfig("stranger", a.LocalAddr())
			cfg.Keys = wrong
			stranger := start(t, cfg)
			logged := stranger.logs.FilterMessage("gossip seed can't be joined")
			await.Within(t, 5*time.Second, "the refusal logged", func() bool {
				logged = stranger.logs.FilterMessage("gossip seed can't be joined")
				return logged.Len() == 1
			})
			if got := fmt.Sprint(logged.All()[0].ContextMap()["error"]); !strings.Contains(got, "encrypt") && !strings.Contains(got, "decrypt") {
				t.Errorf("got error %q, want one that speaks of encryption", got)
			}
			await.Within(t, 5*time.Second, "the intrusion logged by the seed", func() bool {
				return a.logs.FilterMessage("gossip library").Len() > 0
			})
			if !allSee([]*testMember{a, b}, 2) || len(stranger.View()) != 1 {
				t.Errorf("got views %v and %v, want the stranger alone", names(a.View()), names(stranger.View()))
			}
		})
	}
}

// freeAddress is a loopback address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
