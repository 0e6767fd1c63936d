package sale

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Admission is who may buy in a sale.
type Admission string

// The kinds of admission.
const (
	AdmitAll    Admission = ""     // everybody, without joining: "open" in documents
	AdmitJoined Admission = "pass" // everybody who has joined
	AdmitLine   Admission = "line" // who has joined, in the order of the line
)

// ParseAdmission is the inverse of String. What is none is kept, for Validate to report.
func ParseAdmission(s string) Admission {
	if s == AdmitAll.String() {
		return AdmitAll
	}
	if s == "" {
		return "?"
	}
	return Admission(s)
}

// String is the admission as documents have it.
func (a Admission) String() string {
	if a == AdmitAll {
		return "open"
	}
	return string(a)
}

// Bounds of a line.
const (
	MaxLineRate     = 1_000_000
	MaxLineLimit    = 100_000_000 // a place costs Redis some 100 bytes of memory
	MaxBeaconLength = 200         // bytes
	MaxProofEasy    = 80_000      // numbers, which take a cheap phone two seconds, see package proof
	// DrawBefore is how long before the opening the draw is at the latest: everybody has to
	// learn the drawn position before anybody may buy.
	DrawBefore = time.Minute
)

// HasLine reports whether one joins the sale before buying.
func (s *Sale) HasLine() bool { return s.Admission != AdmitAll }

// checkLine reports the faults of what belongs to the line.
func (s *Sale) checkLine(check func(ok bool, format string, args ...any)) {
	line := s.Admission == AdmitLine
	check(s.Admission == AdmitAll || s.Admission == AdmitJoined || line, "admission %q: want open, pass or line", clip(string(s.Admission)))
	if line {
		check(s.LineRate >= 1 && s.LineRate <= MaxLineRate, "line rate %d: want 1 to %d", s.LineRate, MaxLineRate)
	} else {
		check(s.LineRate == 0, "line rate %d: only admission by line has one", s.LineRate)
		check(s.DrawAt == 0, "draw_at: only admission by line has a draw")
	}
	if s.HasLine() {
		check(s.LineLimit >= 1 && s.LineLimit <= MaxLineLimit, "line limit %d: want 1 to %d", s.LineLimit, MaxLineLimit)
	} else {
		check(s.LineLimit == 0, "line limit %d: a sale that is open to all has no line", s.LineLimit)
		check(s.ProofEasy == 0, "proof_easy %d: a sale that is open to all has no line to join", s.ProofEasy)
		check(s.LineSecret == "" && s.LineSeed == "", "a sale that is open to all has no secrets of a line")
	}
	check(s.ProofEasy >= 0 && s.ProofEasy <= MaxProofEasy, "proof_easy %d: want 1 to %d, or 0 for what the site has", s.ProofEasy, MaxProofEasy)
	check(s.DrawAt >= 0, "draw_at must not be before 1970")
	check(s.DrawAt == 0 || s.DrawAt <= s.Opens.Add(-DrawBefore), "draw_at: want it at least %v before opens", DrawBefore)
	check(s.Beacon == "" || s.DrawAt != 0, "beacon: only a draw has one")
	check(len(s.Beacon) <= MaxBeaconLength && utf8.ValidString(s.Beacon) && !strings.ContainsFunc(s.Beacon, unicode.IsControl),
		"beacon: want at most %d bytes of UTF-8 without control characters, got %d", MaxBeaconLength, len(s.Beacon))
}

// Secret is 32 random bytes in hexadecimal digits. It never gets into a text by accident: only a
// conversion to string brings it.
type Secret string

// NewSecret makes one.
func NewSecret() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return Secret(hex.EncodeToString(b[:]))
}

// String hides it, in errors and logs too.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides it from JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Commitment is the SHA-256 of the secret's bytes in hexadecimal digits: who publishes it can't
// choose another secret later. It is empty for no secret.
func (s Secret) Commitment() string {
	b, err := hex.DecodeString(string(s))
	if err != nil || len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Line is what is known of a sale's line at an instant.
type Line struct {
	Joined  int64   // places in all
	Drawn   int64   // places that were drawn; before the draw 0
	Over    bool    // the draw has taken place, or the sale has none
	Turn    int64   // the highest ordinal of those who joined after the draw
	Front   int64   // how many places have been admitted
	FrontAt Instant // when the front moved last, by Redis's own clock; 0: never
	// List is the hash of the sorted entries of those who were drawn, in hexadecimal digits; "" before
	// it is published.
	List        string
	BeaconValue string // what the sale's beacon has published; "" before
}

// Settled reports whether the draw's order is known: the seed is public from then on, and not before.
func (l *Line) Settled(s *Sale) bool {
	return l.Over && s.DrawAt != 0 && l.List != "" && (s.Beacon == "" || l.BeaconValue != "")
}

// A DrawStep is a step of the draw, each of which is taken once, in this order.
type DrawStep string

// The steps.
const (
	DrawFreeze DrawStep = "freeze" // who joins from then on gets an ordinal
	DrawList   DrawStep = "list"   // publishes the hash of the list
	DrawBeacon DrawStep = "beacon" // records the beacon's value
)

// EntriesAtOnce is how many entries of a draw's list one part has. Raised, a call keeps Redis from
// other sales' claims for longer; lowered, a list takes more calls.
const EntriesAtOnce = 1024

// Parts is in how many parts a list of so many entries is kept.
func Parts(entries int64) int { return int((entries + EntriesAtOnce - 1) / EntriesAtOnce) }

// MaxBeaconValueLength bounds what a beacon publishes, in bytes.
const MaxBeaconValueLength = 1000
