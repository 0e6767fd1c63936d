package membership

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/memberlist"
)

// MaxKeys is enough for a rotation. A message of a stranger is tried with each of them.
const MaxKeys = 4

// Keys encrypt gossip with AES: the first one encrypts, all decrypt. Each has 16, 24 or 32 bytes. None: gossip is in the clear.
//
// A rotation adds the new key below the old one on all members, then moves it up on all, and then drops the old one. So at
// each moment every member decrypts what any other one sends.
type Keys [][]byte

func (k Keys) check() error {
	var faults []error
	if len(k) > MaxKeys {
		faults = append(faults, fmt.Errorf("want at most %d, got %d", MaxKeys, len(k)))
	}
	for i, key := range k {
		if n := len(key); n != 16 && n != 24 && n != 32 {
			faults = append(faults, fmt.Errorf("key %d: want 16, 24 or 32 bytes, got %d", i+1, n))
		}
		if slices.ContainsFunc(k[:i], func(other []byte) bool { return bytes.Equal(key, other) }) {
			faults = append(faults, fmt.Errorf("key %d: it is there twice", i+1))
		}
	}
	return errors.Join(faults...)
}

// newKeyring is memberlist's form of the keys, or nil for none.
func newKeyring(k Keys) (*memberlist.Keyring, error) {
	if len(k) == 0 {
		return nil, nil
	}
	return memberlist.NewKeyring(k, k[0])
}

// SetKeys replaces the keys, while the member runs or before. The error means that nothing was changed: the keys are not good, or
// they would turn encryption on or off, for which a member has to be started again. One caller at a time.
func (g *Gossip) SetKeys(k Keys) error {
	if err := k.check(); err != nil {
		return fmt.Errorf("membership: keys: %w", err)
	}
	if len(k) == 0 != (g.keyring == nil) {
		return errors.New("membership: keys: encryption can't be turned on or off while a member runs: start it again")
	}
	if g.keyring == nil {
		return nil
	}
	for _, key := range k {
		if err := g.keyring.AddKey(key); err != nil {
			return fmt.Errorf("membership: keys: %w", err)
		}
	}
	if err := g.keyring.UseKey(k[0]); err != nil {
		return fmt.Errorf("membership: keys: %w", err)
	}
	return g.dropKeys(k)
}

// dropKeys removes all but those that stay. memberlist removes a key by moving those behind it, in a list that it decrypts with
// at that moment; so keys are removed from the end alone, and those that stay are added again.
func (g *Gossip) dropKeys(stay Keys) error {
	stays := func(key []byte) bool {
		return slices.ContainsFunc(stay, func(k []byte) bool { return bytes.Equal(k, key) })
	}
	installed := slices.Clone(g.keyring.GetKeys())
	for slices.ContainsFunc(installed, func(key []byte) bool { return !stays(key) }) {
		last := len(installed) - 1
		if err := g.keyring.RemoveKey(installed[last]); err != nil {
			return fmt.Errorf("membership: keys: %w", err)
		}
		installed = installed[:last]
	}
	for _, key := range stay {
		if err := g.keyring.AddKey(key); err != nil {
			return fmt.Errorf("membership: keys: %w", err)
		}
	}
	return nil
}
