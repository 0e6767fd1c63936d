package hostile_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi/client"
	"onsale/internal/membership"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/flood"
	"onsale/internal/testbed/process"
)

// gossip are the addresses of all members.
func (s *site) gossip() (all []string) {
	for _, m := range slices.Concat(s.Nodes, s.Allocators) {
		all = append(all, m.Gossip)
	}
	return all
}

// watch checks until the returned function is called that the allocator has its nodes in the view, and no others, and that Nginx's
// upstream stays as it is.
func (s *site) watch(t *testing.T) (end func()) {
	t.Helper()
	before, err := os.ReadFile(s.Nginx.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	at := client.Client{Addr: s.Allocators[0].Admin, Token: s.AdminToken}
	look := func() {
		list, err := at.Nodes(s.ctx)
		if err != nil {
			t.Error(err)
			return
		}
		if len(list.Nodes) != 2 || !list.Nodes[0].Ready || !list.Nodes[1].Ready || list.Nodes[0].Name != "n001" || list.Nodes[1].Name != "n002" {
			t.Errorf("got the nodes %+v, want n001 and n002, ready", list.Nodes)
		}
		after, err := os.ReadFile(s.Nginx.Upstream)
		if err != nil || !bytes.Equal(after, before) {
			t.Errorf("got the upstream\n%s, %v, want\n%s", after, err, before)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			look()
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(stop)
		<-done
		look()
	}
}

// known are the nodes as a stranger may have learnt them.
type known map[string]string

func (k known) Nodes(context.Context) (map[string]string, error) { return k, nil }

// Attack: gossip of somebody without the key: members in the clear, members under another key who claim the name of a node and that it
// drains, and bytes that are no gossip. The view and Nginx's upstream stay as they are.
func TestGossipWithoutTheKeyChangesNothing(t *testing.T) {
	target.open(t, 1)
	end := target.watch(t)
	t.Run("in the clear", func(t *testing.T) {
		if err := flood.ForgeMembers(stranger, 1500, target.gossip()...); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("under another key", func(t *testing.T) {
		for _, name := range []string{"n001", intruder} {
			target.wantAlone(t, name, membership.Keys{[]byte(strings.Repeat("guessed!", 4))})
		}
	})
	t.Run("bytes that are none", func(t *testing.T) {
		for _, addr := range target.gossip() {
			udp, err := net.Dial("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer udp.Close()
			for _, packet := range [][]byte{{}, {0}, {244}, {244, 6, 'o'}, bytes.Repeat([]byte{0xff}, 1400), bytes.Repeat([]byte{0}, 60_000), append([]byte{244, 6}, "onsale\x01"...), []byte("GET / HTTP/1.1\r\n\r\n")} {
				_, _ = udp.Write(packet) // one that nobody reads is no fault
			}
			for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x0a\xff\xff\xff\xff", "\xf4\x06onsale\x0a\x7f\xff\xff\xff", strings.Repeat("\xff", 1<<20)} {
				c := dial(t, "", addr)
				_, _ = io.WriteString(c, text)
				_ = c.CloseWrite()
				got, err := io.ReadAll(io.LimitReader(c, 1<<20)) // until it is cut off
				if err != nil && !isReset(err) {
					t.Errorf("%.20q: got %q, %v, want to be cut off", text, got, err)
				}
				_ = c.Close()
			}
		}
	})
	end()
}

// wantAlone starts a member with keys of its own that claims to be a node, and checks that it finds nobody.
func (s *site) wantAlone(t *testing.T, name string, keys membership.Keys) {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	c := membership.DefaultConfig()
	c.Name, c.Bind, c.Seeds, c.Keys = name, process.Loopback(port), s.gossip(), keys
	c.Node = sale.Node{Address: "127.0.0.1:9", Weight: membership.MaxWeight}
	g, err := membership.New(c, known{"n001": "127.0.0.1:9", intruder: "127.0.0.1:9"}, zap.NewNop(), membership.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-g.Started()
	g.SetReady(true)
	time.Sleep(500 * time.Millisecond) // two rounds of gossip and probes: nothing is to happen
	if view := g.View(); len(view) > 1 {
		t.Errorf("%s got the view %v, want itself alone", name, view)
	}
	cancel() // it announces that it drains, and leaves
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Attack: a program with another key joins the site by way of Redis, which it can reach. It ends with the reason, and without the key.
func TestAProgramWithAnotherGossipKeyIsRefused(t *testing.T) {
	target.open(t, 1)
	end := target.watch(t)
	defer end()
	file := t.TempDir() + "/other-key"
	const other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItISE="
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	log := target.refused(t, "--name", intruder, "--gossip-key-file", file)
	if !strings.Contains(log, "gossip") || strings.Contains(log, other) {
		t.Errorf("got %s, want the gossip key named as the reason, and not shown", log)
	}
}

// The gossip key of the running site is rotated: the new one is added below, moved up, and the old one dropped, a file at a time. Nobody
// is taken for failed meanwhile, honest buyers are served, and who has only the old key is a stranger afterwards.
func TestTheGossipKeyIsRotatedWithoutAnOutage(t *testing.T) {
	target.open(t, 1)
	end := target.watch(t)
	file, err := os.ReadFile(target.gossipKey)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.TrimSpace(string(file))
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, as its documentation promises
	next := base64.StdEncoding.EncodeToString(raw)
	for step, keys := range []string{old + "\n" + next, next + "\n" + old, next} {
		if err := os.WriteFile(target.gossipKey, []byte(keys+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Concat(target.Nodes, target.Allocators) {
			await.Until(t, m.Name+" to take the keys", func() bool {
				log, err := os.ReadFile(filepath.Join(target.Dir, m.Name+".log"))
				if err != nil {
					t.Fatal(err)
				}
				return bytes.Count(log, []byte("gossip keys changed")) == step+1
			})
		}
		target.serves(t)
	}
	time.Sleep(3 * time.Second) // silence would be noticed by then: nothing is to happen
	retired, err := base64.StdEncoding.DecodeString(old)
	if err != nil {
		t.Fatal(err)
	}
	target.wantAlone(t, "n001", membership.Keys{retired})
	end()
}
