package payment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// maxDepth is how deep a message may nest. Ours has two levels; the rest is for what
// providers add. Nobody here reads that, but a body of mere brackets is no message.
const maxDepth = 32

// members are those of one JSON object, and what was wrong with those that were asked
// for. They are taken apart by hand because encoding/json would take "Amount" for
// "amount", and the last of two amounts for the only one.
type members struct {
	values map[string]json.RawMessage
	faults []error
}

// membersOf takes valid JSON, or nothing, apart.
func membersOf(object []byte) (members, error) {
	m := members{values: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return m, errors.New("want a JSON object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return m, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return m, err
		}
		key := name.(string) // an object's names are texts, or the JSON were not valid
		if _, twice := m.values[key]; twice {
			return m, fmt.Errorf("member %.40q is there twice", key)
		}
		m.values[key] = value
	}
	return m, nil
}

// text is a member that must be a text with something in it.
func (m *members) text(name string) string {
	var text string
	if json.Unmarshal(m.values[name], &text) != nil || text == "" {
		m.faults = append(m.faults, fmt.Errorf("%s: want a text that is not empty", name))
	}
	return text
}

// whole is a member that must be a number of digits alone: 42.0 and 4.2e1 are the same
// number to some readers and not to others, and this one is money.
func (m *members) whole(name string) int64 {
	n, err := strconv.ParseUint(string(m.values[name]), 10, 63)
	if err != nil {
		m.faults = append(m.faults, fmt.Errorf("%s: want a whole number of minor units, in digits alone", name))
	}
	return int64(n)
}

// tooDeep reports whether brackets nest deeper than maxDepth. It is for any bytes, JSON
// or not.
func tooDeep(body []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++ // what is escaped ends no text
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
