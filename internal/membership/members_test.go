package membership

import (
	"fmt"
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

func gossiped(name, data string) *memberlist.Node {
	return &memberlist.Node{Name: name, Addr: net.IPv4(127, 0, 0, 1), Port: 7946, Meta: []byte(data)}
}

func nodeMeta(weight int) string {
	return string(meta{Version: metaVersion, Role: RoleNode, Node: sale.Node{Address: "10.0.0.1:1", Weight: weight}}.encode())
}

func TestBadMetaLeavesTheViewAlone(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	n := newNews(zap.New(core), Hooks{})
	m := newMembers(testConfig("self"), nil, n)
	m.NotifyJoin(gossiped("good", nodeMeta(3)))
	want := *m.view.Load()

	m.NotifyJoin(gossiped("bad", "nonsense"))
	m.NotifyUpdate(gossiped("bad", "more nonsense"))
	m.NotifyUpdate(gossiped("good", "it lost its mind"))
	m.NotifyJoin(gossiped("evil\nname", nodeMeta(1)))
	m.NotifyLeave(gossiped("bad", "nonsense"))
	m.NotifyLeave(gossiped("unknown", ""))
	if diff := cmp.Diff(want, *m.view.Load()); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	done := make(chan struct{})
	close(done)
	n.deliver(done)
	if got := logs.FilterMessage("gossip peer ignored").Len(); got != 3 {
		t.Errorf("got %d complaints, want one for each of three peers", got)
	}
	if got := logs.Len(); got != 4 {
		t.Errorf("got %d lines, want the complaints and one arrival: %v", got, logs.All())
	}
}

func TestCallbacksNeverWaitForHooks(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	release, joins := make(chan struct{}), 0
	n := newNews(zap.New(core), Hooks{Joined: func(sale.Node) { joins++; <-release }})
	m := newMembers(testConfig("self"), nil, n)
	done, delivered := make(chan struct{}), make(chan struct{})
	go func() { n.deliver(done); close(delivered) }()

	const peers = 2 * newsLimit
	for i := range peers {
		m.NotifyJoin(gossiped(fmt.Sprint("n", i), nodeMeta(1)))
	}
	if got := len(*m.view.Load()); got != peers {
		t.Errorf("got %d nodes in the view, want %d: the view is never dropped", got, peers)
	}
	close(release)
	close(done)
	<-delivered
	if joins < newsLimit || joins > newsLimit+1 {
		t.Errorf("got %d hook calls, want the queue's %d and perhaps the one under way", joins, newsLimit)
	}
	if got := logs.FilterMessage("gossip news dropped").Len(); got != 1 {
		t.Errorf("got %d lines about dropped news, want 1", got)
	}
}

func TestLateCallbacksChangeNothing(t *testing.T) {
	m := newMembers(testConfig("self"), nil, newNews(zap.NewNop(), Hooks{}))
	m.NotifyJoin(gossiped("a", nodeMeta(1)))
	m.close()
	m.NotifyLeave(gossiped("a", nodeMeta(1)))
	m.NotifyJoin(gossiped("b", nodeMeta(1)))
	if got, want := names(*m.view.Load()), []string{"a"}; !cmp.Equal(got, want) {
		t.Errorf("got view %v, want %v", got, want)
	}
}

func TestAStrangerInTheClusterIsIgnoredOnce(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t, 2)
	conf := memberlist.DefaultLocalConfig()
	conf.Name, conf.BindAddr, conf.BindPort, conf.Label = "stranger", "127.0.0.1", 0, label
	conf.Logger = log.New(io.Discard, "", 0)
	stranger, err := memberlist.Create(conf) // no delegate, no meta
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Shutdown() }()
	if _, err := stranger.Join([]string{nodes[0].LocalAddr()}); err != nil {
		t.Fatal(err)
	}
	for _, m := range nodes {
		ignored := func() int { return m.logs.FilterMessage("gossip peer ignored").Len() }
		await.Within(t, 5*time.Second, "the stranger noticed", func() bool { return ignored() > 0 })
		if err := stranger.UpdateNode(time.Second); err != nil {
			t.Fatal(err)
		}
		if got := ignored(); got != 1 {
			t.Errorf("got %d complaints, want 1", got)
		}
		if got, want := names(m.View()), []string{"n0", "n1"}; !cmp.Equal(got, want) {
			t.Errorf("got view %v, want %v", got, want)
		}
	}
}
