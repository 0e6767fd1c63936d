package output

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Clean shows what a terminal would obey or hide, such as an escape sequence or a line end, as Go writes it. Names
// come from buyers, titles from operators.
func Clean(s string) string { return clean(s, "") }

// CleanLines is Clean of a text that may have several lines, and tabs.
func CleanLines(s string) string { return clean(s, "\n\t") }

func clean(s, keep string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsGraphic(r) || strings.ContainsRune(keep, r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Time is a time in UTC as RFC 3339 has it, and how long from now that is.
func Time(at, now time.Time) string {
	stamp := at.UTC().Truncate(time.Second).Format(time.RFC3339)
	switch d := at.Unix() - now.Unix(); { // a time.Duration ends after 292 years
	case d > 0:
		return stamp + " (in " + span(d) + ")"
	case d < 0:
		return stamp + " (" + span(-d) + " ago)"
	}
	return stamp + " (now)"
}

// OptionalTime is Time, or nothing if there is none.
func OptionalTime(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	return Time(*at, now)
}

// year is the mean year of the calendar, in seconds.
const year = 31_556_952

// span is so many seconds in the two largest units, cut off.
func span(seconds int64) string {
	units := []struct {
		name string
		of   int64
	}{{"y", year}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}
	for i, u := range units {
		if seconds < u.of {
			continue
		}
		text := fmt.Sprintf("%d%s", seconds/u.of, u.name)
		if i+1 < len(units) {
			if rest := seconds % u.of / units[i+1].of; rest > 0 {
				text += fmt.Sprintf(" %d%s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0s"
}
