package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fastjson"
)

// keySet is the keys that count at a time, and what is known of tokens under them.
type keySet struct {
	keys    []*key
	refused refusedTokens

	// By header segment, only of tokens that verified; bounded by the keys. The
	// map is replaced, never changed.
	headers  atomic.Pointer[map[string]*header]
	remember sync.Mutex
}

func newKeySet(keys []*key) *keySet {
	s := &keySet{keys: keys}
	s.headers.Store(&map[string]*header{})
	for _, k := range keys {
		if slices.Contains(costly, k.method.Alg()) {
			s.refused = newRefusedTokens()
			break
		}
	}
	return s
}

// header is a token's first segment, parsed.
type header struct {
	algorithm, keyID string
	named            bool   // a key id is there
	costly           bool   // to verify
	keys             []*key // those that may have signed such a token
}

// header finds the keys of a token by its first segment.
func (s *keySet) header(segment string) (*header, error) {
	if h, known := (*s.headers.Load())[segment]; known {
		return h, nil
	}
	h, err := parseHeader(segment)
	if err != nil {
		return nil, err
	}
	h.costly = slices.Contains(costly, h.algorithm)
	for _, k := range s.keys {
		if h.allows(k) {
			h.keys = append(h.keys, k)
		}
	}
	return h, nil
}

// learn remembers a header whose signature was good. Only those who hold a key
// can add one; the bound is for an issuer that varies its headers.
func (s *keySet) learn(segment string, h *header) {
	if _, known := (*s.headers.Load())[segment]; known {
		return
	}
	s.remember.Lock()
	defer s.remember.Unlock()
	known := *s.headers.Load()
	if len(known) >= 4*len(s.keys)+4 {
		return
	}
	more := maps.Clone(known)
	more[strings.Clone(segment)] = h
	s.headers.Store(&more)
}

// allows reports whether the key is of the header's algorithm, and of its key
// id if it names one.
func (h *header) allows(k *key) bool {
	return h.algorithm == k.method.Alg() && (!h.named || h.keyID == k.id)
}

// maxTries bounds what a token without a key id costs.
const maxTries = 4

// usable is nil where there is a key that may have made the token's signature.
func (h *header) usable() error {
	switch {
	case len(h.keys) > maxTries:
		return errManyKeys
	case len(h.keys) > 0:
		return nil
	case h.named && h.costly:
		return errUnknown
	}
	return errSignature
}

// parsers read headers, which are remembered.
var parsers fastjson.ParserPool

// parseHeader reads a token's first segment. Members that define how the rest must be read
// and that are not understood refuse the token; those that only point to a key are
// ignored, because keys come from the key set alone.
func parseHeader(segment string) (*header, error) {
	raw, err := decodeSegment(segment)
	if err == nil {
		err = strict(raw)
	}
	if err != nil {
		return nil, err
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(raw)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"crit", "cty", "b64", "zip", "enc"} {
		if v.Exists(name) {
			return nil, fmt.Errorf("%s is not understood here: send a plain signed token", name)
		}
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		if v.Exists(name) && v.Get(name).Type() != fastjson.TypeString {
			return nil, fmt.Errorf("%s: want a text", name)
		}
	}
	h := header{algorithm: string(v.GetStringBytes("alg")), keyID: string(v.GetStringBytes("kid")), named: v.Exists("kid")}
	// A token of another type, such as one that logs a user out, was signed for
	// something else (RFC 8725, 3.11).
	switch typ := strings.ToLower(string(v.GetStringBytes("typ"))); strings.TrimPrefix(typ, "application/") {
	case "jwt", "at+jwt":
	default:
		if v.Exists("typ") {
			return nil, errors.New("typ: want JWT or at+jwt")
		}
	}
	return &h, nil
}
