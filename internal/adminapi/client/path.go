package client

import (
	"net/url"
	"strings"
)

// pathTo joins the segments of a path. An id may have any character: in a path it stays one segment.
func pathTo(segments ...string) string {
	var b strings.Builder
	b.WriteString("/admin/v1")
	for _, s := range segments {
		escaped := url.PathEscape(s)
		if s == "." || s == ".." { // a server would take them for folders
			escaped = strings.ReplaceAll(s, ".", "%2E")
		}
		b.WriteString("/" + escaped)
	}
	return b.String()
}
