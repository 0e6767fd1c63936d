package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a token or a key set may nest. Ours have three levels; the rest
// is for what issuers add. Raised, a token that is mere brackets costs more stack.
const maxDepth = 32

// strict returns nil if text is one JSON value that all readers understand alike
// (I-JSON, RFC 7493), or what is wrong with it. encoding/json takes the last of two
// members of one name and a replacement for half a surrogate pair, fastjson takes the
// first and NaN for a number: an issuer would have meant somebody else.
func strict(text []byte) error {
	return strictMembers(text, nil, nil)
}

// strictMembers is strict for a text of which some members are wanted: where it is an object, values are those members
// as they are written there, nil where there is none.
func strictMembers(text []byte, names []string, values [][]byte) error {
	s := strictReader{text: text, names: names, values: values}
	if err := s.value(0); err != nil {
		return err
	}
	return s.end()
}

// strictReader passes over a text from its beginning to its end.
type strictReader struct {
	text []byte
	at   int

	names  []string // of the outermost object, those that are wanted; may be empty
	values [][]byte // of these
}

// end reports what comes behind the value.
func (s *strictReader) end() error {
	if s.blank(); s.at < len(s.text) {
		return s.fault("want nothing after the value")
	}
	return nil
}

func (s *strictReader) fault(what string) error { return fmt.Errorf("byte %d: %s", s.at, what) }

func (s *strictReader) blank() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
		default:
			return
		}
	}
}

// next passes over c, and blanks before it, or reports that something else is there.
func (s *strictReader) next(c byte) bool {
	s.blank()
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *strictReader) value(depth int) error {
	if depth > maxDepth {
		return s.fault(fmt.Sprintf("nested deeper than %d levels", maxDepth))
	}
	switch {
	case s.next('{'):
		return s.object(depth)
	case s.next('['):
		return s.array(depth)
	case s.next('"'):
		_, err := s.string()
		return err
	}
	for _, literal := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.text[s.at:], []byte(literal)) {
			s.at += len(literal)
			return nil
		}
	}
	return s.number()
}

func (s *strictReader) object(depth int) error {
	if s.next('}') {
		return nil
	}
	var names nameSet
	for {
		if !s.next('"') {
			return s.fault("want the name of a member")
		}
		name, err := s.string()
		if err != nil {
			return err
		}
		if !names.add(name) {
			return s.fault(fmt.Sprintf("the member %.40q is there twice", name))
		}
		if !s.next(':') {
			return s.fault("want a colon after the name")
		}
		s.blank()
		begin := s.at
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if depth == 0 {
			s.keep(name, s.text[begin:s.at])
		}
		switch {
		case s.next(','):
		case s.next('}'):
			return nil
		default:
			return s.fault("want a comma or the end of the object")
		}
	}
}

// keep keeps the value of a member that is wanted.
func (s *strictReader) keep(name, value []byte) {
	for i, wanted := range s.names {
		if string(name) == wanted {
			s.values[i] = value
			return
		}
	}
}

func (s *strictReader) array(depth int) error {
	if s.next(']') {
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		switch {
		case s.next(','):
		case s.next(']'):
			return nil
		default:
			return s.fault("want a comma or the end of the list")
		}
	}
}

// string passes over a string whose opening quote is behind, and returns its text.
func (s *strictReader) string() ([]byte, error) {
	begin, escaped := s.at, false
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			raw := s.text[begin:s.at]
			s.at++
			if !escaped {
				return raw, nil
			}
			var text string
			err := json.Unmarshal(s.text[begin-1:s.at], &text)
			return []byte(text), err
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, s.fault("a control character in a string")
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && size == 1 {
				return nil, s.fault("not UTF-8")
			}
			s.at += size
		}
	}
	return nil, s.fault("a string without its end")
}

// escape passes over one escape, or over the two that make a surrogate pair.
func (s *strictReader) escape() error {
	if s.at+1 < len(s.text) && strings.IndexByte(`"\/bfnrt`, s.text[s.at+1]) >= 0 {
		s.at += 2
		return nil
	}
	unit, ok := s.unit()
	if !ok {
		return s.fault("no such escape")
	}
	switch {
	case unit < 0xd800 || unit > 0xdfff:
		return nil
	case unit < 0xdc00:
		if low, ok := s.unit(); ok && low >= 0xdc00 && low <= 0xdfff {
			return nil
		}
	}
	return s.fault("half of a surrogate pair")
}

// unit passes over \u and four hexadecimal digits, if they are there.
func (s *strictReader) unit() (unit rune, ok bool) {
	rest := s.text[s.at:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return 0, false
	}
	for _, c := range rest[2:6] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		unit = unit<<4 | rune(digit)
	}
	s.at += 6
	return unit, true
}

func (s *strictReader) number() error {
	begin := s.at
	s.any("-")
	zero := s.any("0")
	ok := (s.digits() > 0) != zero
	if ok && s.any(".") {
		ok = s.digits() > 0
	}
	if ok && s.any("eE") {
		s.any("+-")
		ok = s.digits() > 0
	}
	if !ok {
		s.at = begin
		return s.fault("want a value")
	}
	return nil
}

// any passes over one of the characters, if one is there.
func (s *strictReader) any(of string) bool {
	found := s.at < len(s.text) && strings.IndexByte(of, s.text[s.at]) >= 0
	if found {
		s.at++
	}
	return found
}

func (s *strictReader) digits() (n int) {
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
		n++
	}
	return n
}

// nameSet is the names of one object. Tokens have few, which need no map.
type nameSet struct {
	few  [8][]byte
	n    int
	many map[string]bool
}

// add reports whether the name was not there yet.
func (s *nameSet) add(name []byte) bool {
	for _, other := range s.few[:s.n] {
		if bytes.Equal(name, other) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = map[string]bool{}
	}
	if s.many[string(name)] {
		return false
	}
	s.many[string(name)] = true
	return true
}
