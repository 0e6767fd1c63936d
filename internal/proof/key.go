package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"sync"

	"onsale/internal/sale"
	"onsale/internal/secretfile"
)

const (
	// KeyLength is that of a key, in bytes: as long as the hash.
	KeyLength = sha256.Size
	// MaxKeys is enough for a rotation. Each key costs every forged solution another HMAC.
	MaxKeys = 4
)

// Key signs challenges: anyone who knows it makes challenges that need no work. Nothing prints it.
type Key struct {
	// fmt follows no pointer inside a struct, so a configuration that is printed shows no key.
	macs *sync.Pool // of *mac
	id   [sha256.Size]byte
}

// mac is an HMAC that has its key: giving a new one the key costs as much as the message.
type mac struct {
	hash.Hash
	message []byte
}

// NewKey makes a random key.
func NewKey() Key {
	raw := make([]byte, KeyLength)
	_, _ = rand.Read(raw) // never fails, as its documentation promises
	return keyOf(raw)
}

func keyOf(raw []byte) Key {
	return Key{&sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, raw)} }}, sha256.Sum256(append([]byte("onsale proof key "), raw...))}
}

// String hides the key.
func (Key) String() string { return "proof key (hidden)" }

// ParseKey accepts 32 bytes in standard base64. Its error doesn't repeat the text.
func ParseKey(text string) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != KeyLength || base64.StdEncoding.EncodeToString(raw) != text {
		return Key{}, fmt.Errorf("want %d bytes in standard base64; make secrets makes them", KeyLength)
	}
	return keyOf(raw), nil
}

// sign is the signature of a challenge for a sale and a buyer, appended to to.
func (k Key) sign(to []byte, id sale.ID, buyer sale.Buyer, challenge [sha256.Size]byte) []byte {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.Reset()
	// Neither a sale's id nor a buyer has a NUL, and the challenge's length is fixed: no two messages are alike.
	m.message = append(m.message[:0], "onsale proof\x00"...)
	m.message = append(append(m.message, id...), 0)
	m.message = append(append(m.message, buyer...), 0)
	m.message = append(m.message, challenge[:]...)
	m.Write(m.message)
	return m.Sum(to)
}

// Keys are those that are good at one time: the first signs, and all verify. A rotation adds the new key below the old
// one, moves it up once every node has it, and drops the old one when its last challenge has expired.
type Keys []Key

// LoadKeys reads a file of keys, one a line. Blank lines and those that start with # are not read. It reports every
// faulty line at once, by its number and never by its content. A file without a key is a fault.
func LoadKeys(file string) (Keys, error) {
	var keys Keys
	err := secretfile.Read(file, "proof keys", MaxKeys, func(text string) error {
		k, err := ParseKey(text)
		for _, known := range keys {
			if err == nil && known.id == k.id {
				err = errors.New("this key stands above already")
			}
		}
		if err == nil {
			keys = append(keys, k)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// made reports whether one of the keys made the signature. It compares in constant time.
func (keys Keys) made(signature []byte, id sale.ID, buyer sale.Buyer, challenge [sha256.Size]byte) bool {
	good := false
	for _, k := range keys {
		var space [sha256.Size]byte
		good = hmac.Equal(k.sign(space[:0], id, buyer, challenge), signature) || good
	}
	return good
}
