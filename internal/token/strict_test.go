package token_test

import (
	"encoding/json"
	"strings"
	"testing"

	"onsale/internal/token"
)

// What is read strictly is JSON to every reader, and to encoding/json the same value again.
func FuzzStrict(f *testing.F) {
	for _, text := range append([]string{
		`{}`, `[]`, `""`, `0`, `-0.5e+10`, `true`, `null`, ` { "a" : [ 1 , 2 ] } `, `{"a":1,"\u0061":2}`, `"\ud83c\udf9f"`,
		`1 .5`, `1. 5`, `01`, `-`, `1e`, `"a`, `{"a" 1}`, `[1,]`, `{"a":1,}`, "\"\xff\"", `nul`, `tru e`, ``,
		strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("[", 32) + strings.Repeat("]", 32),
	}, claims()) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := token.Strict([]byte(text))
		if valid := json.Valid([]byte(text)); err == nil && !valid {
			t.Errorf("%q: got it accepted, want it refused as json.Valid does", text)
		} else if err != nil && valid && simple(text) {
			t.Errorf("%q: got %v, want it accepted", text, err)
		}
	})
}

// simple reports whether nothing but syntax can be wrong with a text.
func simple(text string) bool {
	return !strings.Contains(text, `\u`) && !strings.Contains(text, "\ufffd") && strings.ToValidUTF8(text, "\ufffd") == text &&
		strings.Count(text, ":") < 2 && strings.Count(text, "[")+strings.Count(text, "{") < 30
}
