package apidoc

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// description is as much of the file as has the possible answers.
type description struct {
	Paths      map[string]item
	Components struct{ Responses map[string]*response }
}

// item is an address.
type item struct{ Get, Put, Post, Patch, Delete *operation }

// path is an address with its operations by method.
type path struct {
	template   string
	operations map[string]*operation
}

type operation struct {
	Tags        []string
	Responses   map[string]*response // by status, or default
	RequestBody *body                `yaml:"requestBody"`
}

type body struct {
	Ref string `yaml:"$ref"`
	at  string
}

// response has the answers of one status. If it is shared by operations, each of its problems has to be seen in one
// of them.
type response struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct {
		Schema struct {
			Properties struct {
				Code struct{ Enum []string }
			}
		}
	}
	at string // where it is in the description
}

// answer is one of a response; the code is empty if it is no problem.
type answer struct {
	from *response
	code string
}

// paths are the addresses, those without parameters first: orders/mine is no order's id.
func (d *description) paths() (paths []path) {
	for template, i := range d.Paths {
		p := path{template, map[string]*operation{
			http.MethodGet: i.Get, http.MethodPut: i.Put, http.MethodPost: i.Post, http.MethodPatch: i.Patch, http.MethodDelete: i.Delete,
		}}
		for method, o := range p.operations {
			if o == nil {
				delete(p.operations, method)
				continue
			}
			d.resolve(o, "/paths/"+escape(template)+"/"+strings.ToLower(method))
		}
		paths = append(paths, p)
	}
	slices.SortFunc(paths, func(a, b path) int {
		if n := strings.Count(a.template, "{") - strings.Count(b.template, "{"); n != 0 {
			return n
		}
		return strings.Compare(a.template, b.template)
	})
	return paths
}

// resolve follows an operation's references, and has its parts know where they are.
func (d *description) resolve(o *operation, at string) {
	for status, r := range o.Responses {
		r.at = at + "/responses/" + status
		if name, shared := strings.CutPrefix(r.Ref, "#/components/responses/"); shared {
			r = d.Components.Responses[name]
			r.at = "/components/responses/" + name
			o.Responses[status] = r
		}
	}
	if b := o.RequestBody; b != nil {
		b.at = at + "/requestBody"
		if at, shared := strings.CutPrefix(b.Ref, "#"); shared {
			b.at = at
		}
	}
}

// find returns the operation that a request is for; nil for an address or method that is not described.
func (c *Checks) find(method, target string) (template string, o *operation) {
	target, _, _ = strings.Cut(target, "#")
	target, _, _ = strings.Cut(target, "?")
	for _, p := range c.paths {
		if matches(p.template, target) {
			return p.template, p.operations[method]
		}
	}
	return "", nil
}

// matches reports whether a path is one of a template, piece by piece.
func matches(template, target string) bool {
	want, got := strings.Split(template, "/"), strings.Split(target, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if parameter := strings.HasPrefix(want[i], "{"); parameter && got[i] == "" || !parameter && want[i] != got[i] {
			return false
		}
	}
	return true
}

// response is that of a status; nil if it is not described.
func (o *operation) response(status int) *response {
	if r := o.Responses[strconv.Itoa(status)]; r != nil || status < 400 {
		return r
	}
	return o.Responses["default"]
}

// answers are all of a response.
func (r *response) answers() (all []answer) {
	for _, c := range r.Content {
		for _, code := range c.Schema.Properties.Code.Enum {
			all = append(all, answer{r, code})
		}
	}
	if len(all) == 0 {
		all = append(all, answer{from: r})
	}
	return all
}
