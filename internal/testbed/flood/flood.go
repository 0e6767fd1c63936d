// Package flood has what strangers do to a site, for tests and measurements of what its buyers
// notice of it. All of it comes from addresses of this machine.
package flood

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// ForgeMembers sends every gossip address so many members that do not exist, from a source
// address of this machine. It is for gossip without a key.
func ForgeMembers(from string, members int, gossip ...string) (err error) {
	udp, err := net.ListenPacket("udp4", net.JoinHostPort(from, "0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, udp.Close()) }()
	for i := range members {
		for _, addr := range gossip {
			to, err := net.ResolveUDPAddr("udp4", addr)
			if err != nil {
				return err
			}
			if _, err := udp.WriteTo(forgedMember(i), to); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgedMember is what a member announces of itself in gossip without a key: memberlist's message "alive", in MessagePack.
func forgedMember(i int) []byte {
	text := func(b []byte, s string) []byte { return append(append(b, 0xd9, byte(len(s))), s...) }
	number := func(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(append(b, 0xce), n) }
	raw := func(b []byte, s []byte) []byte {
		return append(binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(len(s))), s...)
	}
	b := append([]byte{244, 6}, "onsale"...)
	b = append(b, 4, 0x86)
	b = number(text(b, "Incarnation"), 1)
	b = text(text(b, "Node"), fmt.Sprint("forged-", i))
	b = raw(text(b, "Addr"), []byte{127, 1, byte(i >> 8), byte(i)})
	b = number(text(b, "Port"), 7946)
	b = raw(text(b, "Meta"), fmt.Appendf(nil, `{"v":1,"role":"node","address":"127.1.%d.%d:8081","weight":1000,"ready":true}`, i>>8, i&255))
	return append(text(b, "Vsn"), 0x96, 1, 5, 2, 0, 0, 0)
}

// Idle opens so many connections, spread over the addresses, and sends nothing. Anyone who calls it
// closes them.
func Idle(connections int, addrs ...string) (opened Connections, err error) {
	for i := range connections {
		c, err := net.Dial("tcp", addrs[i%len(addrs)])
		if err != nil {
			return nil, errors.Join(err, opened.Close())
		}
		opened = append(opened, c)
	}
	return opened, nil
}

// Connections are open.
type Connections []net.Conn

// Close closes all of them.
func (c Connections) Close() error {
	var errs []error
	for _, conn := range c {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}
