package line

import (
	"bytes"
	"errors"
)

// Record is what is published of a draw, in the order in which it becomes public: the
// commitment and the beacon's source when the sale is created, the list's hash once the line
// is frozen, then seed, beacon and list.
type Record struct {
	Commitment Hash
	List       Hash
	Seed       Seed
	Beacon     []byte
	Entries    []Entry // sorted
}

// What [Record.Verify] finds.
var (
	ErrSeed   = errors.New("the seed is not the one that was committed to when the sale was created")
	ErrBeacon = errors.New("the beacon is not what its source published")
	ErrList   = errors.New("the list is not the one whose hash was published before the seed")
)

// Verify computes a published draw again. Commitment and list hash should be those that the
// caller noted when they were published, and beacon what the caller got from its source: what
// the operator publishes afterwards proves nothing about itself. The error is all of
// [ErrSeed], [ErrBeacon] and [ErrList] that apply.
func (r Record) Verify(beacon []byte) (*Draw, error) {
	var faults []error
	if r.Seed.Commitment() != r.Commitment {
		faults = append(faults, ErrSeed)
	}
	if !bytes.Equal(r.Beacon, beacon) {
		faults = append(faults, ErrBeacon)
	}
	if HashEntries(r.Entries) != r.List || !ascending(r.Entries) {
		faults = append(faults, ErrList)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return NewDraw(r.Seed, r.Beacon, r.Entries), nil
}

// ascending reports whether each entry is in the list once: one that is there twice is a list
// that counts a buyer twice.
func ascending(entries []Entry) bool {
	for i := 1; i < len(entries); i++ {
		if bytes.Compare(entries[i-1][:], entries[i][:]) >= 0 {
			return false
		}
	}
	return true
}
