package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// digest stands for a token in memory. It is made with a secret of this process: nobody can make
// two tokens of one digest, or tokens that take the places of certain others.
type digest = [sha256.Size]byte

func randomSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, as its documentation promises
	return secret
}

// remembered is a token whose signature was good.
type remembered struct {
	digest digest
	key    *key
	claims claims
}

// ways is how many places a token may have. With fewer, tokens that are still in use are dropped earlier.
const ways = 4

// memory is a table of verified tokens, in which each has one of a few places. It has a bound, no
// lock and no goroutine: a token that finds its places taken takes one from another, which is
// verified again if it comes again.
type memory struct {
	places []atomic.Pointer[remembered]
}

// newMemory has places for so many tokens, rounded up to a power of two.
func newMemory(size int) *memory {
	if size <= 0 {
		return &memory{}
	}
	return &memory{places: make([]atomic.Pointer[remembered], max(ways, 1<<bits.Len(uint(size-1))))}
}

// of are the places of a token.
func (m *memory) of(d *digest) []atomic.Pointer[remembered] {
	rows := uint64(len(m.places) / ways)
	if rows == 0 {
		return nil
	}
	row := int(binary.LittleEndian.Uint64(d[:]) % rows)
	return m.places[row*ways : row*ways+ways]
}

// find returns what a token claims that was verified before, with a key that still counts.
func (m *memory) find(d *digest) (claims, bool) {
	places := m.of(d)
	for i := range places {
		if r := places[i].Load(); r != nil && r.digest == *d && !r.key.gone.Load() {
			return r.claims, true
		}
	}
	return claims{}, false
}

// add remembers a token in a place that is free or whose token is of no use now, else in any.
func (m *memory) add(r *remembered, now float64) {
	places := m.of(&r.digest)
	if places == nil {
		return
	}
	at := int(r.digest[8]) % ways
	for i := range places {
		if other := places[i].Load(); other == nil || other.digest == r.digest || other.claims.expires <= now || other.key.gone.Load() {
			at = i
			break
		}
	}
	places[at].Store(r)
}

// refusedTokens are those whose costly signature no key made: who sends the same token again and again
// is refused for less than a buyer costs. A part of the digest does: a good token that has that of a
// refused one is one in 2^64.
type refusedTokens []atomic.Uint64

// newRefusedTokens takes 256 KiB. A stranger who sends more of them at a time than there are places
// has them verified again.
func newRefusedTokens() refusedTokens { return make(refusedTokens, 1<<15) }

func (t refusedTokens) place(d *digest) *atomic.Uint64 {
	return &t[binary.LittleEndian.Uint64(d[16:])%uint64(len(t))]
}

func (t refusedTokens) has(d *digest) bool {
	return t.place(d).Load() == binary.LittleEndian.Uint64(d[24:])
}

func (t refusedTokens) add(d *digest) { t.place(d).Store(binary.LittleEndian.Uint64(d[24:])) }
