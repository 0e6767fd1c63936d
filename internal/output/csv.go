package output

import (
	"io"
	"strings"
)

// WriteCSV writes a record as RFC 4180 has it, which ends lines with CR and LF. encoding/csv would do so in fields too, and change them.
func WriteCSV(w io.Writer, fields ...string) error {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
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
