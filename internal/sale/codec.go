package sale

import (
	"errors"
	"fmt"
	"strconv"
)

// field is one field of a record: a name and a text. The names are those of Redis,
// where they last longer than any version of this program.
type field[R any] struct {
	name   string
	encode func(*R) string
	decode func(*R, string) error
	// optional: a record may lack it, and then it is what no text is.
	optional bool
}

// text is a field that is kept as it is.
func text[R any, T ~string](name string, at func(*R) *T) field[R] {
	return field[R]{
		name:   name,
		encode: func(r *R) string { return string(*at(r)) },
		decode: func(r *R, v string) error { *at(r) = T(v); return nil },
	}
}

// number is a field that is kept in decimal, in units of so much.
func number[R any, T ~int | ~int64](name string, unit T, at func(*R) *T) field[R] {
	return field[R]{
		name:   name,
		encode: func(r *R) string { return strconv.FormatInt(int64(*at(r)/unit), 10) },
		decode: func(r *R, v string) error {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("%s is no number: %q", name, clip(v))
			}
			*at(r) = T(n) * unit
			return nil
		},
	}
}

// optional makes a field one that older records lack. Its zero value is kept as
// no text, so that whatever compares two records takes a missing field for it.
// A number is optional from its first version on or never: "0" differs from "".
func optional[R any](f field[R]) field[R] {
	f = zeroAs("", f)
	f.optional = true
	return f
}

// zeroAs keeps the zero value of a field as another text.
func zeroAs[R any](other string, f field[R]) field[R] {
	zero := f.encode(new(R))
	encode, decode := f.encode, f.decode
	f.encode = func(r *R) string {
		if v := encode(r); v != zero {
			return v
		}
		return other
	}
	f.decode = func(r *R, v string) error {
		if v == other {
			v = zero
		}
		return decode(r, v)
	}
	return f
}

// FieldNames are the names of a definition's fields in records.
func FieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// Encode is the definition as records keep it: names and values in turn. It
// leaves out Closed, which is no part of what a sale was opened as.
func (s Sale) Encode() []string {
	pairs := make([]string, 0, 2*len(fields))
	for _, f := range fields {
		pairs = append(pairs, f.name, f.encode(&s))
	}
	return pairs
}

// DecodeSale is the inverse of Encode. value looks a field up by its name; it
// may know names of a later version. The error names every field at fault.
func DecodeSale(value func(name string) (string, bool)) (Sale, error) {
	var s Sale
	var faults []error
	for _, f := range fields {
		v, ok := value(f.name)
		if !ok && !f.optional {
			faults = append(faults, fmt.Errorf("the definition lacks %s", f.name))
			continue
		}
		if err := f.decode(&s, v); err != nil {
			faults = append(faults, fmt.Errorf("the definition's %w", err))
		}
	}
	return s, errors.Join(faults...)
}
