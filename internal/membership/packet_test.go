package membership

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
)

// The kinds of memberlist's messages that a stranger forges.
const (
	suspectMessage = 3
	aliveMessage   = 4
	deadMessage    = 5
)

// packet is a message as it goes over the wire without a key: a label, the kind, and a map in MessagePack.
func packet(kind byte, fields ...any) []byte {
	b := append([]byte{244, byte(len(label))}, label...)
	b = append(b, kind, 0x80|byte(len(fields)/2))
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(append(b, 0xd9, byte(len(f))), f...)
		case []byte:
			b = binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(len(f)))
			b = append(b, f...)
		case uint32:
			b = binary.BigEndian.AppendUint32(append(b, 0xce), f)
		case []uint8Value:
			b = append(b, 0x90|byte(len(f)))
			for _, v := range f {
				b = append(b, byte(v))
			}
		}
	}
	return b
}

type uint8Value uint8

func accusation(kind byte, node, from string, incarnation uint32) []byte {
	return packet(kind, "Incarnation", incarnation, "Node", node, "From", from)
}

// alivePacket is a member's message about itself: name, gossip address and meta.
func alivePacket(node string, at netip.AddrPort, m meta, incarnation uint32) []byte {
	return packet(aliveMessage, "Incarnation", incarnation, "Node", node, "Addr", at.Addr().AsSlice(), "Port", uint32(at.Port()),
		"Meta", m.encode(), "Vsn", []uint8Value{1, 5, 2, 0, 0, 0})
}

// foreigner sends packets to members.
func foreigner(t *testing.T) func(to *testMember, packet []byte) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.66:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func(to *testMember, packet []byte) {
		t.Helper()
		at, err := net.ResolveUDPAddr("udp4", to.LocalAddr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo(packet, at); err != nil {
			t.Fatal(err)
		}
	}
}
