// Package problem is the one table of what is refused: the code, status and title of every problem
// document (RFC 9457) that a node, an allocator, a ledger or Nginx answers with. Codes are part of
// the API: add, never rename.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// TypeBase precedes a problem's code in its type: the address of a page that explains it, on the site that answered.
const TypeBase = "/problems/"

// Problem is one kind of refusal.
type Problem struct {
	Code   string // stable; clients and metrics distinguish by it
	Status int    // of HTTP
	Title  string // what happened
	Detail string // what to do next, unless the case has its own
	Retry  bool   // the same request may succeed in a second
}

// Document is the problem document without its closing brace, so that members of one case can
// follow. detail replaces the table's unless it is empty.
func (p Problem) Document(detail string) []byte {
	if detail == "" {
		detail = p.Detail
	}
	return []byte(`{"type":"` + TypeBase + p.Code + `","title":` + Quote(p.Title) +
		`,"status":` + strconv.Itoa(p.Status) + `,"code":"` + p.Code + `","detail":` + Quote(detail))
}

// Write answers a request with the problem document. An error of the write is the client's: it has
// gone away.
func (p Problem) Write(w http.ResponseWriter, detail string) error {
	if p.Retry {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, err := w.Write(append(p.Document(detail), "}\n"...))
	return err
}

// Quote is a text as JSON has it.
func Quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(b)
}
