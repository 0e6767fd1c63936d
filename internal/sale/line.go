package sale

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// line is a record of one line: words with a blank between them. The first fields stand by
// their place, which every version has written and the scripts read. Each field that came
// later is a name and a value, and is left out while it is zero. So a record keeps its bytes
// until a field is used that older versions do not have, and a reader ignores the names
// that it does not know.
type line[R any] struct {
	placed int // how many fields stand by their place
	least  int // how many of these every record has; the others are left out while nothing follows
	fields []field[R]
}

// encode is the record's line. The caller has checked that what stands by its place has no
// blank; what has a name may be any text.
func (l line[R]) encode(r R) string {
	words := make([]string, 0, len(l.fields))
	for _, f := range l.fields[:l.placed] {
		words = append(words, f.encode(&r))
	}
	for _, f := range l.fields[l.placed:] {
		if v := f.encode(&r); v != f.encode(new(R)) {
			words = append(words, f.name, url.QueryEscape(v))
		}
	}
	for len(words) <= l.placed && len(words) > l.least && words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// decode is the inverse of encode. The error names every field at fault.
func (l line[R]) decode(text string) (r R, err error) {
	words := strings.Split(text, " ")
	if len(words) < l.least {
		return r, fmt.Errorf("%d words, want at least %d", len(words), l.least)
	}
	var faults []error
	for i, f := range l.fields[:min(l.placed, len(words))] {
		faults = append(faults, f.decode(&r, words[i]))
	}
	for pair := range slices.Chunk(words[min(l.placed, len(words)):], 2) {
		if len(pair) < 2 {
			faults = append(faults, fmt.Errorf("%q has no value", clip(pair[0])))
			break
		}
		at := slices.IndexFunc(l.fields[l.placed:], func(f field[R]) bool { return f.name == pair[0] })
		if at < 0 {
			continue
		}
		v, err := url.QueryUnescape(pair[1])
		faults = append(faults, err)
		if err == nil {
			faults = append(faults, l.fields[l.placed+at].decode(&r, v))
		}
	}
	return r, errors.Join(faults...)
}
