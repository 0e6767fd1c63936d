package output

import (
	"io"
	"strings"
)

// formula is what begins a field that a spreadsheet would take for a formula, which may fetch addresses or start programs.
const formula = "=+-@\t\r"

// WriteCSV writes a record as RFC 4180 has it, which ends lines with CR and LF. encoding/csv would do so in fields too, and change them.
//
// A field that a spreadsheet would take for a formula gets an apostrophe in front, which spreadsheets don't show. One that has an
// apostrophe in front gets another one, so that a reader who removes the first from each field has all as they were.
func WriteCSV(w io.Writer, fields ...string) error {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if f != "" && strings.ContainsAny(f[:1], formula+"'") {
			f = "'" + f
		}
		if strings.ContainsAny(f, ",\"\r\n") || strings.TrimSpace(f) != f {
			f = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
		}
		b.WriteString(f)
	}
	b.WriteString("\r\n")
	_, err := io.WriteString(w, b.String())
	return err
}
