package capacity

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Costs are what things take. Times are microseconds of one core, sizes are bytes.
type Costs struct {
	EdgePurchase   float64 // Nginx passes a purchase, or a join, on to a node
	EdgeSoldOut    float64 // Nginx answers "sold out" itself
	EdgeDocument   float64 // Nginx answers with the sale's document
	EdgeHandshake  float64 // a connection with TLS, no session resumed
	EdgeConnection float64 // bytes of an idle one, with TLS
	EdgePlain      float64 // and without

	NodePurchase   float64 // a purchase that is sold
	NodeRefusal    float64 // a purchase that the node answers from memory
	NodeJoin       float64
	NodeConnection float64 // bytes

	RedisClaim float64 // main thread, in full batches
	RedisJoin  float64
	RedisOrder float64 // bytes of a live order

	PurchaseUp, PurchaseDown   float64 // bytes
	DocumentUp, DocumentDown   float64
	HandshakeUp, HandshakeDown float64

	RedisPlace   float64 // bytes of a place that was drawn, with its entry in the list
	LedgerOrders float64 // orders a second into PostgreSQL

	sources map[string]run // by the command of bench that measured them
}

// run is where figures come from.
type run struct {
	Command     string    `json:"command"`
	Commit      string    `json:"commit"`
	Started     time.Time `json:"started"`
	Machine     string    `json:"machine"`
	CPUModel    string    `json:"cpu_model"`
	Faults      []string  `json:"faults"`
	Interrupted bool      `json:"interrupted"`
}

func (r run) String() string {
	return fmt.Sprintf("bench %s, commit %s, %s, %s", r.name(), r.Commit, r.Started.Format(time.DateOnly), r.CPUModel)
}

// name is the command of bench; empty if it was none.
func (r run) name() string {
	_, after, _ := strings.Cut(r.Command, "./bench ")
	name, _, _ := strings.Cut(after, " ")
	return name
}

// Cost is a figure with its source.
type Cost struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Source string  `json:"source"`
}

// figure is one of the costs: where in the result of which command it is.
type figure struct {
	name, unit string
	command    string   // of bench
	path       []string // members of its result; in an array the entry with a member of that value
	at         func(*Costs) *float64
	zero       bool // it may be nothing
}

const (
	micros = "µs of a core"
	octets = "bytes"
)

var figures = []figure{
	{"Nginx: a purchase or join passed on", micros, "edge", []string{"nginx_us", "purchase"}, func(c *Costs) *float64 { return &c.EdgePurchase }, false},
	{"Nginx: sold out", micros, "edge", []string{"nginx_us", "sold out"}, func(c *Costs) *float64 { return &c.EdgeSoldOut }, false},
	{"Nginx: a TLS handshake", micros, "edge", []string{"nginx_us", "handshake"}, func(c *Costs) *float64 { return &c.EdgeHandshake }, false},
	{"Nginx: the sale's document", micros, "waiting", []string{"nginx_us_an_ask"}, func(c *Costs) *float64 { return &c.EdgeDocument }, false},
	{"Nginx: an idle connection with TLS", octets, "edge", []string{"nginx_bytes_a_connection", "tls"}, func(c *Costs) *float64 { return &c.EdgeConnection }, false},
	{"Nginx: an idle connection without TLS", octets, "edge", []string{"nginx_bytes_a_connection", "plain"}, func(c *Costs) *float64 { return &c.EdgePlain }, true},
	{"node: a purchase", micros, "ratios", []string{"cpu_us_by_process", "durable purchase", "server"}, func(c *Costs) *float64 { return &c.NodePurchase }, false},
	{"node: an answer from memory", micros, "ratios", []string{"cpu_us_by_process", "sold out", "server"}, func(c *Costs) *float64 { return &c.NodeRefusal }, false},
	{"node: a join", micros, "ratios", []string{"cpu_us_by_process", "join", "server"}, func(c *Costs) *float64 { return &c.NodeJoin }, false},
	{"node: an idle connection", octets, "connections", []string{"bytes_a_connection"}, func(c *Costs) *float64 { return &c.NodeConnection }, false},
	{"Redis: a claim, in full batches", micros, "redis", []string{"costs", "Redis's main thread, µs a claim", "median"}, func(c *Costs) *float64 { return &c.RedisClaim }, false},
	{"Redis: a join", micros, "ratios", []string{"cpu_us_by_process", "join", "redis"}, func(c *Costs) *float64 { return &c.RedisJoin }, false},
	{"Redis: a live order", octets, "redis", []string{"costs", "memory, B a live order", "median"}, func(c *Costs) *float64 { return &c.RedisOrder }, false},
	{"a purchase, to Nginx", octets, "edge", []string{"bytes", "purchase", "up"}, func(c *Costs) *float64 { return &c.PurchaseUp }, false},
	{"a purchase, from Nginx", octets, "edge", []string{"bytes", "purchase", "down"}, func(c *Costs) *float64 { return &c.PurchaseDown }, false},
	{"a document, to Nginx", octets, "edge", []string{"bytes", "document", "up"}, func(c *Costs) *float64 { return &c.DocumentUp }, false},
	{"a document, from Nginx", octets, "edge", []string{"bytes", "document", "down"}, func(c *Costs) *float64 { return &c.DocumentDown }, false},
	{"a handshake, to Nginx", octets, "edge", []string{"bytes", "handshake", "up"}, func(c *Costs) *float64 { return &c.HandshakeUp }, false},
	{"a handshake, from Nginx", octets, "edge", []string{"bytes", "handshake", "down"}, func(c *Costs) *float64 { return &c.HandshakeDown }, false},
}

// documented are the figures that no command writes as JSON. A test compares them with the pages.
var documented = []struct {
	name, unit, source, quote string
	value                     float64
	at                        func(*Costs) *float64
}{
	{"Redis: a drawn place, 3 × 32 and its entry", octets, "docs/adr/0027-places-are-in-the-ledger.md", "32 bytes more for each place that was drawn, a third of what the place takes", 128,
		func(c *Costs) *float64 { return &c.RedisPlace }},
	{"ledger and PostgreSQL: orders a second", "a second", "bench/RESULTS.md", "47,000 orders a second into PostgreSQL", 47_000,
		func(c *Costs) *float64 { return &c.LedgerOrders }},
}

//go:embed measured/*.json
var measured embed.FS

// Default are the costs that were measured for this version: the results of the commands in measured/.
func Default() (Costs, error) {
	c := Costs{sources: map[string]run{}}
	for _, d := range documented {
		*d.at(&c) = d.value
	}
	files, err := measured.ReadDir("measured")
	if err != nil {
		return c, err
	}
	for _, f := range files {
		r, err := measured.Open("measured/" + f.Name())
		if err != nil {
			return c, err
		}
		if err := errors.Join(c.Read(r), r.Close()); err != nil {
			return c, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	for _, f := range figures {
		if *f.at(&c) <= 0 && !f.zero {
			return c, fmt.Errorf("no default for %s: run go run ./bench %s --json internal/capacity/measured/%s.json", f.name, f.command, f.command)
		}
	}
	return c, nil
}

// Read takes the costs that one result has, which a command of bench wrote with --json. The others stay. It refuses
// a run that was interrupted or broke a promise, and a result without a figure that its command should have.
func (c *Costs) Read(in io.Reader) error {
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var from run
	var result map[string]any
	if err := errors.Join(json.Unmarshal(raw, &from), json.Unmarshal(raw, &result)); err != nil {
		return fmt.Errorf("want what a command of bench writes with --json: %w", err)
	}
	command := from.name()
	var known []string
	for _, f := range figures {
		if !slices.Contains(known, f.command) {
			known = append(known, f.command)
		}
	}
	switch {
	case !slices.Contains(known, command):
		return fmt.Errorf("its command is %q: want the JSON of go run ./bench with one of %s", from.Command, strings.Join(known, ", "))
	case from.Interrupted:
		return fmt.Errorf("go run ./bench %s was interrupted: run it again", command)
	case len(from.Faults) > 0:
		return fmt.Errorf("go run ./bench %s broke a promise, so its figures don't count: %s", command, from.Faults[0])
	}
	next := *c
	for _, f := range figures {
		if f.command != command {
			continue
		}
		v, found := find(result, f.path)
		if !found || v < 0 || v == 0 && !f.zero {
			return fmt.Errorf("it lacks %s (%s): run go run ./bench %s of this version again", f.name, strings.Join(f.path, " / "), command)
		}
		*f.at(&next) = v
	}
	next.sources = map[string]run{command: from}
	for name, r := range c.sources {
		if name != command {
			next.sources[name] = r
		}
	}
	*c = next
	return nil
}

// find follows a path. In an array it takes the first entry that has the text as a member's value.
func find(v any, path []string) (float64, bool) {
	if len(path) == 0 {
		n, is := v.(float64)
		return n, is
	}
	switch v := v.(type) {
	case map[string]any:
		return find(v[path[0]], path[1:])
	case []any:
		for _, entry := range v {
			if of, is := entry.(map[string]any); is && of["what"] == path[0] {
				return find(of, path[1:])
			}
		}
	}
	return 0, false
}

// List is every figure with its source.
func (c Costs) List() []Cost {
	var all []Cost
	for _, f := range figures {
		all = append(all, Cost{f.name, *f.at(&c), f.unit, c.sources[f.command].String()})
	}
	for _, d := range documented {
		all = append(all, Cost{d.name, *d.at(&c), d.unit, d.source})
	}
	return all
}
