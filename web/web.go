// Package web is what browsers get: the page of a sale and its files. Nginx serves the same files by
// the same rules, see nginx/page.conf; this package serves the site that `onsale dev` runs.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Files are the pages, in assets/ what they load, and in problems/ the pages that explain problems.
//
//go:embed *.html assets problems
var Files embed.FS

// Header is one header of an answer.
type Header struct{ Name, Value string }

// Headers are those of every page and file. No page of another site may frame them, open them with a
// handle or load them, and a text that gets into a page can't become a script: there is none inline, and none from elsewhere.
// Caches ask each time whether a file has changed, so that no page runs with the scripts of another version.
var Headers = []Header{
	{"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "same-origin"},
	{"Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cache-Control", "no-cache"},
}

// types are the content types of files, by the ends of their names.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml; charset=utf-8",
	".png":  "image/png",
}

// File is what an address leads to.
type File struct {
	Type string // of its content
	ETag string // another one for another content
	Body []byte
}

var ofProblem = regexp.MustCompile(`^/problems/[a-z-]{1,64}$`)

var ofSale = regexp.MustCompile(`^/sales/[a-z0-9-]{1,64}$`)

// name is the file that an address's path leads to; it need not be there.
func name(path string) string {
	switch {
	case path == "/":
		return "index.html"
	case ofSale.MatchString(path):
		return "sale.html" // of sales that nobody knows as well: the page asks
	case strings.HasPrefix(path, "/assets/"), path == "/problems/problems.css":
		return path[1:]
	case path == "/problems/":
		return "problems/index.html"
	case ofProblem.MatchString(path):
		return path[1:] + ".html"
	}
	return ""
}

// Find returns the file at an address's path, or false if there is none.
func Find(at string) (File, bool) {
	body, err := fs.ReadFile(Files, name(at))
	if err != nil {
		return File{}, false
	}
	sum := sha256.Sum256(body)
	return File{Type: types[path.Ext(name(at))], ETag: `"` + hex.EncodeToString(sum[:8]) + `"`, Body: body}, true
}
