package picture

import (
	"bytes"
	_ "embed"
	"html/template"
)

//go:embed head.html
var head string

// Page makes the template of a page. It begins with {{template "head" .}}, which shows the Title and Origin of what the
// template is given, and forbids the browser to load or run anything.
func Page(text string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(text)).Parse(head))
}

// Inline is the svg element alone: a page has no room for a second XML header.
func Inline(svg []byte) template.HTML {
	return template.HTML(svg[bytes.Index(svg, []byte("<svg")):])
}
