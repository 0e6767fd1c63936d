package problem

import (
	"html"
	"slices"
	"strconv"
	"strings"
)

// Page is the page at the address of the problem's type, for the people who write or run what got it.
func (p Problem) Page() string {
	a := explained[p.Code]
	var b strings.Builder
	b.WriteString(head(p.Title))
	b.WriteString("<p class=\"code\"><code>" + p.Code + "</code> · status " + strconv.Itoa(p.Status) + " · for " + a.who + "</p>\n")
	b.WriteString("<h1>" + html.EscapeString(p.Title) + "</h1>\n<p>" + a.why + "</p>\n<h2>What to do</h2>\n<ul>\n")
	for _, next := range a.next {
		b.WriteString("<li>" + next + "</li>\n")
	}
	b.WriteString("</ul>\n")
	if p.Retry {
		b.WriteString("<p>The same request may succeed soon: <code>Retry-After</code> has in how many seconds.</p>\n")
	}
	b.WriteString("<p><a href=\"/problems/\">All problems</a></p>\n" + foot)
	return b.String()
}

// Index is the page of all problems.
func Index() string {
	var b strings.Builder
	b.WriteString(head("Problems") + "<h1>Problems</h1>\n<p>Whatever is refused is answered with a problem document (RFC 9457). Its <code>type</code> is the address of one of these pages, and its <code>code</code> never changes.</p>\n")
	for _, who := range []string{buyers, providers, operators} {
		b.WriteString("<h2>For " + who + "</h2>\n<ul>\n")
		for _, p := range Table() {
			if explained[p.Code].who == who {
				b.WriteString("<li><a href=\"" + TypeBase + p.Code + "\">" + html.EscapeString(p.Title) + "</a> <code>" + p.Code + "</code></li>\n")
			}
		}
		b.WriteString("</ul>\n")
	}
	return b.String() + foot
}

// Table is every problem, by code.
func Table() []Problem {
	all := slices.Clone(table)
	slices.SortFunc(all, func(a, b Problem) int { return strings.Compare(a.Code, b.Code) })
	return all
}

func head(title string) string {
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + html.EscapeString(title) + `</title>
<link rel="stylesheet" href="/problems/problems.css">
</head>
<body>
<main>
`
}

const foot = "</main>\n</body>\n</html>\n"
