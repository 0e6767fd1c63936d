package membership

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

func newTransport(t testing.TB, ip string) *transport {
	t.Helper()
	tr, err := listen(netip.MustParseAddr(ip), 0, log.New(io.Discard, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func (t *transport) address(test testing.TB, ip string) string {
	test.Helper()
	return net.JoinHostPort(ip, fmt.Sprint(t.port()))
}

func TestPacketsAreTheReceivers(t *testing.T) {
	for name, ips := range map[string][2]string{
		"over IPv4":                          {"127.0.0.1", "127.0.0.1"},
		"over IPv4 to every address":         {"0.0.0.0", "127.0.0.1"},
		"from IPv4 to every address of IPv6": {"::", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newTransport(t, "127.0.0.1"), newTransport(t, ips[0])
			to := b.address(t, ips[1])
			var got []*memberlist.Packet
			long := bytes.Repeat([]byte("long"), 9000) // more than one UDPBufferSize
			for _, payload := range [][]byte{long, []byte("one"), {}, []byte("two")} {
				if _, err := a.WriteTo(payload, to); err != nil {
					t.Fatal(err)
				}
				if len(payload) > 0 {
					got = append(got, nextPacket(t, b))
				}
			}
			for i, want := range [][]byte{long, []byte("one"), []byte("two")} { // after all have come
				if !bytes.Equal(got[i].Buf, want) || cap(got[i].Buf) > 2*len(want)+64 {
					t.Errorf("packet %d: got %d bytes of %d, want %d", i, len(got[i].Buf), cap(got[i].Buf), len(want))
				}
				if from := got[i].From.String(); from != a.address(t, "127.0.0.1") || time.Since(got[i].Timestamp) > time.Minute {
					t.Errorf("packet %d: got it from %s at %v", i, from, got[i].Timestamp)
				}
			}
		})
	}
}

// nextPacket fails the test if none comes: PacketCh waits without an end.
func nextPacket(t testing.TB, of *transport) *memberlist.Packet {
	t.Helper()
	ch := make(chan (<-chan *memberlist.Packet), 1)
	go func() { ch <- of.PacketCh() }()
	return receive(t, receive(t, ch))
}

func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestStreamsGoBothWays(t *testing.T) {
	a, b := newTransport(t, "127.0.0.1"), newTransport(t, "127.0.0.1")
	out, err := a.DialTimeout(b.address(t, "127.0.0.1"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in := receive(t, b.StreamCh())
	defer in.Close()
	if _, err := in.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(out, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v, want hello", got, err)
	}
}

func TestAMemberAdvertisesWhatTheOthersReach(t *testing.T) {
	bound, all := newTransport(t, "127.0.0.1"), newTransport(t, "0.0.0.0")
	for name, test := range map[string]struct {
		of   *transport
		ip   string
		port int
		want string
	}{
		"what is configured":      {bound, "127.0.0.7", 99, "127.0.0.7:99"},
		"an IPv4 address as IPv6": {bound, "::ffff:127.0.0.7", 99, "127.0.0.7:99"},
		"else where it listens":   {bound, "", 0, bound.address(t, "127.0.0.1")},
	} {
		if ip, port, err := test.of.FinalAdvertiseAddr(test.ip, test.port); err != nil || fmt.Sprintf("%s:%d", ip, port) != test.want {
			t.Errorf("%s: got %s:%d, %v, want %s", name, ip, port, err, test.want)
		}
	}
	// Every machine of ours has one; the machine of a test need not.
	switch ip, port, err := all.FinalAdvertiseAddr("", 0); {
	case err != nil && !strings.Contains(err.Error(), "no private address"):
		t.Errorf("got %v", err)
	case err == nil && (port != all.port() || ip.IsUnspecified()):
		t.Errorf("got %s:%d, want an address with port %d", ip, port, all.port())
	}
	if _, _, err := bound.FinalAdvertiseAddr("n1.example", 99); err == nil {
		t.Error("got no error of a name")
	}
}

func TestAPortThatIsTakenIsAnErrorAtOnce(t *testing.T) {
	tr := newTransport(t, "127.0.0.1")
	for range 2 { // and leaves nothing open
		if _, err := listen(netip.MustParseAddr("127.0.0.1"), tr.port(), tr.log); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
		}
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	port := udp.LocalAddr().(*net.UDPAddr).Port
	for range 2 {
		if _, err := listen(netip.MustParseAddr("127.0.0.1"), port, tr.log); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "udp") {
			t.Errorf("got %v, want that UDP's port is in use", err)
		}
	}
}

func TestShutdownReturnsThoughNobodyReceives(t *testing.T) {
	tr := newTransport(t, "127.0.0.1")
	if _, err := tr.WriteTo([]byte("to itself"), tr.address(t, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	conn, err := tr.DialTimeout(tr.address(t, "127.0.0.1"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	waiting := newTransport(t, "127.0.0.1")
	waited := make(chan (<-chan *memberlist.Packet), 1)
	go func() { waited <- waiting.PacketCh() }()
	var group sync.WaitGroup
	for _, tr := range []*transport{tr, tr, waiting} {
		group.Go(func() {
			if err := tr.Shutdown(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for name, ch := range map[string]<-chan *memberlist.Packet{
		"one that waited": receive(t, waited), "one that asks afterwards": waiting.PacketCh(), "one to which a packet came": tr.PacketCh(),
	} {
		select {
		case p := <-ch:
			t.Errorf("%s: got packet %q after Shutdown, want none", name, p.Buf)
		default:
		}
	}
	if _, err := tr.WriteTo([]byte("x"), "127.0.0.1:9"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

// memberlist's own takes 64 KiB for each packet.
func TestAPacketTakesTheMemoryOfItsBytes(t *testing.T) {
	a, b := newTransport(t, "127.0.0.1"), newTransport(t, "127.0.0.1")
	to, payload := b.address(t, "127.0.0.1"), make([]byte, 200)
	result := testing.Benchmark(func(bench *testing.B) {
		bench.ReportAllocs()
		for range bench.N {
			if _, err := a.WriteTo(payload, to); err != nil {
				bench.Fatal(err)
			}
			<-b.PacketCh()
		}
	})
	if got := result.AllocedBytesPerOp(); got > 1000 {
		t.Errorf("got %d bytes of memory for a packet of 200, want at most 1000", got)
	}
}
