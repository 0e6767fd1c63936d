package sale

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// line is a record of one line: its fields, with a blank between them. The first fields stand by
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
	texts := make([]string, 0, len(l.fields))
	for _, f := range l.fields[:l.placed] {
		texts = append(texts, f.encode(&r))
	}
	for _, f := range l.fields[l.placed:] {
		if v := f.encode(&r); v != f.encode(new(R)) {
			texts = append(texts, f.name, url.QueryEscape(v))
		}
	}
	for len(texts) <= l.placed && len(texts) > l.least && texts[len(texts)-1] == "" {
		texts = texts[:len(texts)-1]
	}
	return strings.Join(texts, " ")
}

// decode is the inverse of encode. The error names every field at fault.
func (l line[R]) decode(text string) (r R, err error) {
	texts := strings.Split(text, " ")
	if len(texts) < l.least {
		return r, fmt.Errorf("%d fields, want at least %d", len(texts), l.least)
	}
	var faults []error
	for i, f := range l.fields[:min(l.placed, len(texts))] {
		faults = append(faults, f.decode(&r, texts[i]))
	}
	for pair := range slices.Chunk(texts[min(l.placed, len(texts)):], 2) {
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
