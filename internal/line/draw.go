package line

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// Seed is what the operator adds to a draw. Its [Seed.Commitment] is published when the sale is
// created, so the operator can't choose another one once the list or the beacon is known.
type Seed [32]byte

// Commitment is the seed's hash.
func (s Seed) Commitment() Hash { return sha256.Sum256(s[:]) }

// Nonce is what keeps a buyer's entry in the published list from being guessed: the HMAC of the
// buyer under the sale's secret, which is never published. It is derived and not drawn, so a
// place that is lost can be given again.
func Nonce(secret []byte, buyer string) Hash { return mac(secret, []byte(buyer)) }

// Entry stands for a buyer in the list of a draw, and names nobody.
type Entry Hash

// NewEntry is SHA-256(sale 0x00 buyer nonce).
func NewEntry(sale, buyer string, nonce Hash) Entry {
	b := make([]byte, 0, len(sale)+1+len(buyer)+len(nonce))
	b = append(b, sale...)
	b = append(b, 0)
	b = append(b, buyer...)
	return sha256.Sum256(append(b, nonce[:]...))
}

// SortEntries puts a list into the order in which it is hashed and published.
func SortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return bytes.Compare(a[:], b[:]) })
}

// HashEntries is the hash of a sorted list, which is published before the seed is.
func HashEntries(sorted []Entry) Hash {
	h := sha256.New()
	for i := range sorted {
		h.Write(sorted[i][:])
	}
	return Hash(h.Sum(nil))
}

// Draw is the order of those who joined before it.
type Draw struct {
	key     []byte
	width   int    // bytes of a number that are kept
	numbers []byte // sorted
}

// narrowest is how many bytes of a number are kept at least: of a million, two share eight bytes
// once in 40 million draws.
const narrowest = 8

// NewDraw draws. The order of entries does not matter. An entry that is there twice is there once.
func NewDraw(seed Seed, beacon []byte, entries []Entry) *Draw {
	d := &Draw{key: drawKey(seed, beacon)}
	numbers := make([]Hash, len(entries))
	h := hmac.New(sha256.New, d.key)
	for i := range entries {
		h.Reset()
		h.Write(entries[i][:])
		h.Sum(numbers[i][:0])
	}
	slices.SortFunc(numbers, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
	numbers = slices.Compact(numbers)
	d.width = width(numbers)
	d.numbers = make([]byte, 0, d.width*len(numbers))
	for i := range numbers {
		d.numbers = append(d.numbers, numbers[i][:d.width]...)
	}
	return d
}

// width is how many bytes tell all the sorted numbers apart.
func width(numbers []Hash) int {
	w := narrowest
	for i := 1; i < len(numbers); i++ {
		for w < len(numbers[i]) && bytes.Equal(numbers[i-1][:w], numbers[i][:w]) {
			w++
		}
	}
	return w
}

// Len is how many were drawn.
func (d *Draw) Len() int { return len(d.numbers) / d.width }

// Position is an entry's place, from 1 on, or 0 if it is not among those drawn.
func (d *Draw) Position(e Entry) int {
	number := mac(d.key, e[:])
	low, high := 0, d.Len()
	for low < high {
		if at := (low + high) / 2; bytes.Compare(d.number(at), number[:d.width]) < 0 {
			low = at + 1
		} else {
			high = at
		}
	}
	if low == d.Len() || !bytes.Equal(d.number(low), number[:d.width]) {
		return 0
	}
	return low + 1
}

func (d *Draw) number(i int) []byte { return d.numbers[i*d.width : (i+1)*d.width] }

// Numbers is the draw as bytes, for those who look positions up and were not there: the width of
// a number in a byte, then the sorted numbers.
func (d *Draw) Numbers() []byte { return append([]byte{byte(d.width)}, d.numbers...) }

// ErrNumbers is the error of [ReadDraw].
var ErrNumbers = errors.New("the numbers of a draw are malformed")

// ReadDraw is the inverse of [Draw.Numbers]. The error is [ErrNumbers] where they are not sorted
// numbers of one width.
func ReadDraw(seed Seed, beacon, numbers []byte) (*Draw, error) {
	if len(numbers) == 0 {
		return nil, ErrNumbers
	}
	d := &Draw{key: drawKey(seed, beacon), width: int(numbers[0]), numbers: numbers[1:]}
	if d.width < narrowest || d.width > len(Hash{}) || len(d.numbers)%d.width != 0 {
		return nil, ErrNumbers
	}
	for i := 1; i < d.Len(); i++ {
		if bytes.Compare(d.number(i-1), d.number(i)) >= 0 {
			return nil, ErrNumbers
		}
	}
	return d, nil
}

// drawKey is seed ‖ beacon, which can be read in one way only, as a seed has 32 bytes.
func drawKey(seed Seed, beacon []byte) []byte { return append(slices.Clone(seed[:]), beacon...) }

func mac(key, text []byte) Hash {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return Hash(h.Sum(nil))
}
