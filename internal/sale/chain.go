package sale

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// LinkLength is how many hexadecimal digits of a hash a link keeps: 48 bits,
// as links guard against accidents, not against somebody who can write to Redis.
const LinkLength = 12

// Mark is a position in a sale's chain of events. Each event that a script
// appends has the next number and a link that depends on all events before it.
// So two histories that differ anywhere have different links, also where they
// have the same length.
type Mark struct {
	Epoch int64  // how often the sale was reconciled, from 1
	Seq   int64  // number of the event, from 1; the opening is the first
	Link  string // of the event: [LinkLength] hexadecimal digits
}

// Before reports whether m is an earlier position than n of a chain that both
// are of.
func (m Mark) Before(n Mark) bool {
	return m.Epoch < n.Epoch || m.Epoch == n.Epoch && m.Seq < n.Seq
}

// Next is the mark of the event that follows m in the same epoch; payload is
// what the event's link covers. The scripts compute the same, see lua/chain.lua.
func (m Mark) Next(payload string) Mark {
	sum := sha1.Sum([]byte(m.Link + " " + strconv.FormatInt(m.Epoch, 10) + " " + payload))
	return Mark{Epoch: m.Epoch, Seq: m.Seq + 1, Link: hex.EncodeToString(sum[:])[:LinkLength]}
}

// Chain is how far one record of a sale goes.
type Chain struct {
	// Life is random and made at opening: it distinguishes this sale from another that
	// was opened under the same id, and is the link before the first event.
	Life string
	Mark
}
