package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// decode reads a body, which is one JSON object, into v. Its errors are for the operator:
// they need no knowledge of how the body is read.
func decode(r *http.Request, v any) error {
	body, err := read(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return fmt.Errorf("%w: the body is empty: send a JSON object", errInput)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s", errInput, plain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON object: remove it", errInput)
	}
	return nil
}

// read returns the body without the blanks around it.
func read(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge{large}
	case err != nil:
		return nil, fmt.Errorf("%w: the body did not arrive whole: send the request again", errInput)
	}
	return bytes.TrimSpace(body), nil
}

// tooLarge is a body beyond what is read.
type tooLarge struct{ *http.MaxBytesError }

func (e tooLarge) Error() string {
	return fmt.Sprintf("the body has more than the %d bytes that a request may have: shorten it", e.Limit)
}

func (e tooLarge) Unwrap() error { return e.MaxBytesError }

// unknownField is how encoding/json begins its error of a member that nobody reads. It has no type.
const unknownField = "json: unknown field "

// plain is what is wrong with a body that encoding/json does not take.
func plain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if name, found := strings.CutPrefix(err.Error(), unknownField); found {
		return fmt.Sprintf("there is no member %.80s here: remove it, or mend its name", name)
	}
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON: see byte %d", syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return "the body is not a JSON object: want one, such as {}"
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: not a value that this member takes", kind.Field)
	}
	return "the body is not JSON: it ends too early"
}

// nothing refuses what a call would not heed: no body is needed, and an empty object is none.
func nothing(r *http.Request) error { return decodeIfAny(r, &struct{}{}) }

// decodeIfAny is decode for a call that needs no body.
func decodeIfAny(r *http.Request, v any) error {
	body, err := read(r)
	if err != nil || len(body) == 0 {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return decode(r, v)
}
