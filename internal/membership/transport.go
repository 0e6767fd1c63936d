package membership

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-sockaddr"
	"github.com/hashicorp/memberlist"
)

// transport is UDP and TCP on one port, as memberlist's NetTransport is, which takes 64 KiB of
// memory for each packet that it waits for: a fifth of an idle node's CPU went into clearing them
// and giving them back. This one reads into the same buffer, and copies out what came.
type transport struct {
	udp *net.UDPConn
	tcp *net.TCPListener
	log *log.Logger

	buffer  []byte                  // what PacketCh reads into
	packets chan *memberlist.Packet // the one that was read
	streams chan net.Conn
	closed  chan struct{}
	close   sync.Once
	loops   sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

const (
	// maxPacket is the largest datagram there is.
	maxPacket = 1 << 16
	// receiveBuffer is what the kernel keeps of packets that were not read yet, or less where it allows no more.
	// Smaller, more of a burst is lost; larger, more of it is memory.
	receiveBuffer = 2 << 20
	// acceptAgain is how long after a failed accept the next one is tried: a process without a free
	// file descriptor would spin.
	acceptAgain = 50 * time.Millisecond
	// portTries is how many free ports of TCP are tried: one may be taken for UDP.
	portTries = 10
)

// listen opens the sockets on the address. Port 0 takes one that is free for both.
func listen(ip netip.Addr, port int, log *log.Logger) (*transport, error) {
	tries := 1
	if port == 0 {
		tries = portTries
	}
	var err error
	for range tries {
		var t *transport
		if t, err = listenOnce(ip, port, log); err == nil {
			t.loops.Go(t.accept)
			return t, nil
		}
	}
	return nil, err
}

func listenOnce(ip netip.Addr, port int, log *log.Logger) (*transport, error) {
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip.AsSlice(), Port: port})
	if err != nil {
		return nil, err
	}
	t := &transport{
		tcp: tcp, log: log,
		buffer: make([]byte, maxPacket), packets: make(chan *memberlist.Packet, 1),
		streams: make(chan net.Conn), closed: make(chan struct{}),
	}
	if t.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: ip.AsSlice(), Port: t.port()}); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	if err = t.udp.SetReadBuffer(receiveBuffer); err != nil {
		return nil, errors.Join(err, t.udp.Close(), tcp.Close())
	}
	return t, nil
}

func (t *transport) port() int { return t.tcp.Addr().(*net.TCPAddr).Port }

// FinalAdvertiseAddr returns the address that the others reach this member at: the one given, or
// else the one that it listens on, or else the machine's first private one.
func (t *transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip == "" {
		port = t.port()
		if bound := t.tcp.Addr().(*net.TCPAddr).IP; !bound.IsUnspecified() {
			return bound, port, nil
		}
		var err error
		if ip, err = sockaddr.GetPrivateIP(); err != nil {
			return nil, 0, fmt.Errorf("the machine's private address: %w", err)
		}
		if ip == "" {
			return nil, 0, errors.New("this machine has no private address: set the one that the others reach it at")
		}
	}
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, 0, err
	}
	return at.Unmap().AsSlice(), port, nil
}

// WriteToAddress sends a packet and returns when it was sent.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.udp.WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// WriteTo is WriteToAddress for a peer without a name.
func (t *transport) WriteTo(b []byte, address string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: address})
}

// DialAddressTimeout opens a stream.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", a.Addr, timeout)
}

// DialTimeout is DialAddressTimeout for a peer without a name.
func (t *transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: address}, timeout)
}

// PacketCh waits for a packet and returns the channel that it is in, or an empty one after Shutdown.
// memberlist asks for the channel anew for each packet, and handles that before it asks again. A
// goroutine that read ahead would wake another thread per packet, which an idle node would pay for.
// One caller at a time, which owns the packet's buffer.
func (t *transport) PacketCh() <-chan *memberlist.Packet {
	if len(t.packets) == 0 {
		if p := t.read(); p != nil {
			t.packets <- p
		}
	}
	return t.packets
}

// StreamCh receives the streams that others open.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes the sockets and returns when nothing is received any more. It may be called twice.
func (t *transport) Shutdown() error {
	var err error
	t.close.Do(func() {
		close(t.closed)
		err = errors.Join(t.tcp.Close(), t.udp.Close())
	})
	t.loops.Wait()
	return err
}

// read returns the next packet, or nil once the socket is closed.
func (t *transport) read() *memberlist.Packet {
	for {
		n, from, err := t.udp.ReadFromUDPAddrPort(t.buffer)
		at := time.Now()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			t.log.Printf("[ERR] memberlist: Error reading UDP packet: %v", err)
		case n > 0: // an empty datagram is no message
			return &memberlist.Packet{
				Buf:       append([]byte(nil), t.buffer[:n]...),
				From:      net.UDPAddrFromAddrPort(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())),
				Timestamp: at,
			}
		}
	}
}

// accept receives streams until the socket is closed.
func (t *transport) accept() {
	for {
		conn, err := t.tcp.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			t.log.Printf("[ERR] memberlist: Error accepting TCP connection: %v", err)
			select {
			case <-time.After(acceptAgain):
			case <-t.closed:
			}
			continue
		}
		select {
		case t.streams <- conn:
		case <-t.closed:
			_ = conn.Close() // nobody has read from it
		}
	}
}
