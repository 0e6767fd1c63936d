package line

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// List gathers the entries of those who were drawn.
type List struct {
	sale    string
	secret  []byte
	entries []Entry
}

// NewList is an empty one. secret is the sale's, in hexadecimal digits.
func NewList(sale, secret string) (*List, error) {
	b, err := hex.DecodeString(secret)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("sale %s has no secret of a line", sale) // without err, which has digits of it
	}
	return &List{sale: sale, secret: b}, nil
}

// Grow makes room for so many more.
func (l *List) Grow(buyers int) { l.entries = slices.Grow(l.entries, buyers) }

// Add adds a buyer. One who is added twice is in the list once.
func (l *List) Add(buyer string) {
	l.entries = append(l.entries, NewEntry(l.sale, buyer, Nonce(l.secret, buyer)))
}

// Sorted is the list as it is hashed and published.
func (l *List) Sorted() []Entry {
	SortEntries(l.entries)
	l.entries = slices.Compact(l.entries)
	return l.entries
}

// String is the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash is the inverse of String.
func ParseHash(digits string) (h Hash, err error) {
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("want %d hexadecimal digits", 2*len(h))
	}
	return Hash(b), nil
}
