// Package apidoc compares what the APIs answer in tests with docs/openapi.yaml, in both directions: an answer
// that is not described there is a fault, and so is a described one that no test has seen.
package apidoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Checks are the answers of a package's tests.
type Checks struct {
	tags     []string
	paths    []path
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // by where they are
	seen    map[answer]bool
	faults  []string
}

// Exchange is a request and what it was answered with.
type Exchange struct {
	Method, Target string
	RequestBody    string
	Status         int
	Header         http.Header
	Body           []byte
}

// file is the description's name among the schemas.
const file = "openapi.yaml"

// New reads the description. The answers to operations with one of these tags have to be seen.
func New(tags ...string) (*Checks, error) {
	text, err := os.ReadFile(File())
	if err != nil {
		return nil, err
	}
	var document any
	var d description
	if err := errors.Join(yaml.Unmarshal(text, &document), yaml.Unmarshal(text, &d)); err != nil {
		return nil, err
	}
	c := &Checks{tags: tags, paths: d.paths(), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, seen: map[answer]bool{}}
	c.compiler.AssertFormat()
	return c, c.compiler.AddResource(file, document)
}

// File is the description's path, seen from a folder of this module, where tests run.
func File() string {
	root := "."
	for range 8 {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Join("..", root)
	}
	return filepath.Join(root, "docs", file)
}

// Must is New for a package's variable.
func Must(tags ...string) *Checks {
	c, err := New(tags...)
	if err != nil {
		panic(err)
	}
	return c
}

// Tests are a package's tests, followed by a report of what was not as described. They serve goleak.VerifyTestMain.
func (c *Checks) Tests(m interface{ Run() int }) Tests { return Tests{c, m} }

// Tests run, and report.
type Tests struct {
	*Checks
	tests interface{ Run() int }
}

// Run implements goleak.TestingM.
func (t Tests) Run() int {
	code := t.tests.Run()
	faults := t.Faults()
	if !filtered() && code == 0 {
		faults = append(faults, t.Unseen()...)
	}
	for _, f := range faults {
		fmt.Println("docs/"+file+":", f)
	}
	if len(faults) > 0 {
		return max(code, 1)
	}
	return code
}

// filtered reports whether only some of the tests run, which see fewer answers.
func filtered() bool {
	for _, name := range []string{"test.run", "test.skip", "test.bench", "test.fuzz", "test.list", "test.short"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

// general are the problems that every address may answer with, see the description.
var general = map[string]bool{"bad-request": true, "request-timeout": true, "body-too-large": true, "header-too-large": true, "method-not-allowed": true}

// Seen checks an answer, unless it is one that every address may give. HEAD is answered as GET is, without a body.
func (c *Checks) Seen(e Exchange) {
	p, o := c.find(e.Method, e.Target)
	code := codeOf(e.Body)
	if o == nil || general[code] {
		return
	}
	err := c.compare(e, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.faults = append(c.faults, fmt.Sprintf("%s %s was answered with %d %s: %v", e.Method, p, e.Status, code, err))
		return
	}
	c.seen[answer{o.response(e.Status), code}] = true
}

// compare returns what about an exchange is not as described. What is accepted has to be as described, too.
func (c *Checks) compare(e Exchange, o *operation) error {
	r := o.response(e.Status)
	if r == nil {
		return errors.New("this status is not described")
	}
	if len(r.Content) == 0 {
		if len(e.Body) > 0 {
			return errors.New("a body is not described")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(e.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if _, ok := r.Content[media]; !ok {
		return fmt.Errorf("the content type %s is not described", media)
	}
	if err := c.validate(r.at+"/content/"+escape(media)+"/schema", e.Body); err != nil {
		return err
	}
	if e.Status >= 300 || o.RequestBody == nil || strings.TrimSpace(e.RequestBody) == "" {
		return nil
	}
	if err := c.validate(o.RequestBody.at+"/content/"+escape("application/json")+"/schema", []byte(e.RequestBody)); err != nil {
		return fmt.Errorf("the request was accepted: %w", err)
	}
	return nil
}

// validate validates a JSON text by the schema at a place of the description.
func (c *Checks) validate(at string, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	schema := c.schemas[at]
	if schema == nil {
		if schema, err = c.compiler.Compile(file + "#" + at); err != nil {
			return err
		}
		c.schemas[at] = schema
	}
	return schema.Validate(value)
}

// escape is a name as a part of a JSON pointer in an address.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
}

// codeOf is the code of a problem document; "" of any other body.
func codeOf(body []byte) string {
	var d struct{ Code string }
	if json.Unmarshal(body, &d) != nil {
		return ""
	}
	return d.Code
}

// Faults are the answers that were not as described, each kind once.
func (c *Checks) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.faults)
	return slices.Compact(slices.Clone(c.faults))
}

// Unseen are the described answers that no test has seen.
func (c *Checks) Unseen() (unseen []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.paths {
		for method, o := range p.operations {
			if !slices.ContainsFunc(c.tags, func(tag string) bool { return slices.Contains(o.Tags, tag) }) {
				continue
			}
			for status, r := range o.Responses {
				for _, a := range r.answers() {
					if !c.seen[a] {
						unseen = append(unseen, strings.TrimSpace(fmt.Sprintf("%s %s: no test has seen %s %s", method, p.template, status, a.code)))
					}
				}
			}
		}
	}
	slices.Sort(unseen)
	return slices.Compact(unseen)
}
