package token

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"onsale/internal/sale"
)

// Place tokens: a buyer's proof of a place in a line. The nodes of a site make them and verify
// them, by keys of their own. Nobody can take one for a buyer's token, or a buyer's token for a
// place: the keys differ, which [Verifier.Apart] checks, the header's typ does, and so does aud.

const (
	// PlaceAudience is the aud of place tokens.
	PlaceAudience = "onsale-place"
	placeType     = "place+jwt"
)

// Places makes and verifies place tokens. The first key makes them, all verify: a new key is put
// last on all nodes, then first, and the old one is removed when its sales are over.
type Places struct {
	keys   []placeKey
	spaces sync.Pool // of *placeSpace
}

type placeKey struct {
	*key
	header string // the one first segment of its tokens
}

// placeSpace is memory for one verification.
type placeSpace struct{ signature, payload, want []byte }

// LoadPlaces reads a JSON Web Key Set of symmetric keys from a file, see [LoadVerifier].
func LoadPlaces(file string) (*Places, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("place keys: %w", err)
	}
	p, err := NewPlaces(raw)
	if err != nil {
		return nil, fmt.Errorf("place keys in %s: %w", file, err)
	}
	return p, nil
}

// NewPlaces is LoadPlaces on the key set itself.
func NewPlaces(keySet []byte) (*Places, error) {
	keys, _, err := parseKeySet(keySet, false)
	if err != nil {
		return nil, err
	}
	p := &Places{spaces: sync.Pool{New: func() any { return new(placeSpace) }}}
	var faults []error
	for i, k := range keys {
		if k.macs == nil || k.id == "" {
			faults = append(faults, fmt.Errorf("key %d (%.40s): want kty oct and a kid", i, k.id))
			continue
		}
		header, err := json.Marshal(struct {
			Algorithm string `json:"alg"`
			ID        string `json:"kid"`
			Type      string `json:"typ"`
		}{k.method.Alg(), k.id, placeType})
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, placeKey{k, base64.RawURLEncoding.EncodeToString(header)})
	}
	return p, errors.Join(faults...)
}

// Apart returns what would let an issuer of buyers' tokens make place tokens, or the other way
// round, or nil.
func (v *Verifier) Apart(p *Places) error {
	if slices.Contains(v.config.Audiences, PlaceAudience) {
		return fmt.Errorf("audience %s: it is that of place tokens; take another", PlaceAudience)
	}
	for _, k := range p.keys {
		if slices.Contains(v.Fingerprints(), k.print) {
			return fmt.Errorf("the place key %s verifies buyers' tokens too: make a key for places alone", k.id)
		}
	}
	return nil
}

// Sign makes the place token of a buyer.
func (p *Places) Sign(id sale.ID, buyer sale.Buyer, proof sale.Proof) string {
	k := p.keys[0]
	payload := appendPlace(nil, id, buyer)
	payload = append(payload, proof.Place.String()...)
	payload = append(payload, `","nonce":"`...)
	payload = hex.AppendEncode(payload, proof.Nonce[:])
	payload = append(payload, `"}`...)
	signed := base64.RawURLEncoding.AppendEncode(append([]byte(k.header), '.'), payload)
	sum := k.macs.sum(string(signed))
	return string(base64.RawURLEncoding.AppendEncode(append(signed, '.'), sum[:]))
}

// appendPlace is the beginning of the claims, up to the place. There is one spelling of it, so
// that verifying is comparing.
func appendPlace(b []byte, id sale.ID, buyer sale.Buyer) []byte {
	b = append(b, `{"aud":"`+PlaceAudience+`","sale":"`...)
	b = append(b, id...) // of an alphabet that JSON does not escape
	b = append(b, `","sub":`...)
	b = appendText(b, string(buyer))
	return append(b, `,"place":"`...)
}

// appendText is a text as JSON has it, without allocating where nothing is escaped.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || strings.IndexByte(`"\<>&`, c) >= 0 {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a text always has a JSON form
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// Verify returns what the token proves of this buyer in this sale. The error wraps ErrToken.
func (p *Places) Verify(token string, id sale.ID, buyer sale.Buyer) (sale.Proof, error) {
	first, last := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	if first < 0 || first == last {
		return sale.Proof{}, errNoPlace
	}
	at := slices.IndexFunc(p.keys, func(k placeKey) bool { return k.header == token[:first] })
	if at < 0 {
		return sale.Proof{}, errNoPlace
	}
	s := p.spaces.Get().(*placeSpace)
	defer p.spaces.Put(s)
	var err error
	if s.signature, err = appendSegment(s.signature[:0], token[last+1:]); err != nil || !p.keys[at].made(s.signature, token[:last]) {
		return sale.Proof{}, errNoPlace
	}
	if s.payload, err = appendSegment(s.payload[:0], token[first+1:last]); err != nil {
		return sale.Proof{}, errNoPlace
	}
	s.want = appendPlace(s.want[:0], id, buyer)
	rest, ours := bytes.CutPrefix(s.payload, s.want)
	if !ours {
		return sale.Proof{}, errOthersPlace
	}
	return parseProof(rest)
}

// parseProof reads the claims from the place on. A later version may have others behind the nonce.
func parseProof(rest []byte) (proof sale.Proof, err error) {
	place, rest, found := bytes.Cut(rest, []byte(`","nonce":"`))
	if !found || len(rest) < 2*len(proof.Nonce)+1 || rest[2*len(proof.Nonce)] != '"' {
		return sale.Proof{}, errNoPlace
	}
	_, err = hex.Decode(proof.Nonce[:], rest[:2*len(proof.Nonce)])
	if err == nil {
		proof.Place, err = sale.ParsePlace(string(place))
	}
	if err != nil {
		return sale.Proof{}, errNoPlace
	}
	return proof, nil
}

// appendSegment is decodeSegment into memory that is there.
func appendSegment(b []byte, s string) ([]byte, error) {
	if broken(s) {
		return b, errNoPlace
	}
	n := base64url.DecodedLen(len(s))
	b = slices.Grow(b, n)[:n]
	n, err := base64url.Decode(b, []byte(s))
	return b[:n], err
}

// Two errors and no more: what is wrong with a forged one is nobody's business.
var (
	errNoPlace     = fmt.Errorf("%w: it is no place token of this site", ErrToken)
	errOthersPlace = fmt.Errorf("%w: the place is another buyer's, or of another sale", ErrToken)
)
