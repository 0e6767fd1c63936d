package adminapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Node is a node as gossip knows it, and what operators have set for it.
type Node struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Weight   int    `json:"weight"`
	Ready    bool   `json:"ready"`
	Draining bool   `json:"draining"` // it is shutting down
	Drained  bool   `json:"drained"`  // an operator has taken it out, and it has heeded that
	Idle     bool   `json:"idle"`     // it is drained, and no buyer's request comes or is under way any more
	// SetWeight is what an operator set in place of the node's own weight; absent: nothing.
	SetWeight int `json:"set_weight,omitempty"`
	// Away: it does not run. What is set for it holds when it comes back.
	Away bool `json:"away,omitempty"`
}

const (
	// nodeWait is for how long a call waits until the node has heeded it. Raised, operators wait longer
	// for a node that does not; lowered, the answer more often has the node as it was.
	nodeWait = 2 * time.Second
	nodePoll = 20 * time.Millisecond
	// namesListed is how many nodes the error of an unknown one names.
	namesListed = 20
)

func newNode(n sale.Node, set sale.NodeSetting) Node {
	return Node{
		Name: n.Name, Address: n.Address, Weight: n.Weight, Ready: n.Ready,
		Draining: n.Draining, Drained: n.Drained, Idle: n.Idle, SetWeight: set.Weight,
	}
}

// listNodes is the view with what is set, and the nodes that do not run and for which something is set, by name.
func listNodes(view sale.View, set map[string]sale.NodeSetting) []Node {
	nodes, away := []Node{}, maps.Clone(set)
	for _, n := range view {
		nodes = append(nodes, newNode(n, set[n.Name]))
		delete(away, n.Name)
	}
	for name, s := range away {
		nodes = append(nodes, Node{Name: name, Weight: s.Weight, Drained: s.Drained, SetWeight: s.Weight, Away: true})
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes
}

// drain takes a node out of the upstream and the plans. It keeps running, and finishes what it has begun.
func (h *Handler) drain(w http.ResponseWriter, r *http.Request) error {
	var wanted struct {
		Force given[bool] `json:"force"`
	}
	if err := decodeIfAny(r, &wanted); err != nil {
		return err
	}
	var f faults
	force := false
	take(&f, "force", wanted.Force, &force)
	if err := f.err(); err != nil {
		return err
	}
	set, err := h.knownNode(r)
	if err != nil {
		return err
	}
	name := r.PathValue("node")
	if !force && !set[name].Drained && h.last(name, set) {
		return sale.Conflict("no other node sells than %s: start one, or undrain one. With force it is drained all the same, and serves on until another one sells", name)
	}
	return h.drained(w, r, true)
}

// undrain lets a node return.
func (h *Handler) undrain(w http.ResponseWriter, r *http.Request) error {
	if err := nothing(r); err != nil {
		return err
	}
	if _, err := h.knownNode(r); err != nil {
		return err
	}
	return h.drained(w, r, false)
}

func (h *Handler) drained(w http.ResponseWriter, r *http.Request, drained bool) error {
	name := r.PathValue("node")
	if err := h.stock.DrainNode(r.Context(), name, drained); err != nil {
		return err
	}
	h.log.Info("node drained or undrained", zap.String("node", name), zap.Bool("drained", drained))
	h.heeded(r, name, func(n sale.Node) bool { return n.Drained == drained })
	return h.showNode(w, r, name, func(s *sale.NodeSetting) { s.Drained = drained })
}

// weigh gives a node another weight, or its own one back.
func (h *Handler) weigh(w http.ResponseWriter, r *http.Request) error {
	weight, err := weightWanted(r)
	if err != nil {
		return err
	}
	if _, err := h.knownNode(r); err != nil {
		return err
	}
	name := r.PathValue("node")
	if err := h.stock.WeighNode(r.Context(), name, weight); err != nil {
		return err
	}
	h.log.Info("node weighed", zap.String("node", name), zap.Int("weight", weight))
	// Its own weight is not known here: the answer to that comes at once, with the one that it had.
	h.heeded(r, name, func(n sale.Node) bool { return weight == 0 || n.Weight == weight })
	return h.showNode(w, r, name, func(s *sale.NodeSetting) { s.Weight = weight })
}

// weightWanted is the weight to set, or 0 for the node's own.
func weightWanted(r *http.Request) (weight int, err error) {
	var wanted struct {
		Weight given[int]  `json:"weight"`
		Own    given[bool] `json:"own"`
	}
	if err := decode(r, &wanted); err != nil {
		return 0, err
	}
	var f faults
	own := false
	take(&f, "own", wanted.Own, &own)
	switch given := take(&f, "weight", wanted.Weight, &weight); {
	case given && (weight < 1 || weight > sale.MaxWeight):
		f.add("weight %d: want 1 to %d; to have a node get no buyers, drain it", weight, sale.MaxWeight)
	case own == wanted.Weight.set:
		f.add(`send a weight, or "own": true for the weight that the node was started with`)
	}
	return weight, f.err()
}

// knownNode returns what is set for nodes, or [sale.ErrNoNode] if the request's node neither runs nor has anything set.
func (h *Handler) knownNode(r *http.Request) (map[string]sale.NodeSetting, error) {
	set, err := h.stock.NodeSettings(r.Context())
	if err != nil {
		return nil, err
	}
	nodes := listNodes(h.view(), set)
	names := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.Name == r.PathValue("node") {
			return set, nil
		}
		names = append(names, n.Name)
	}
	known := "no node is known"
	if len(names) > 0 {
		known = "known are " + strings.Join(names[:min(len(names), namesListed)], ", ")
	}
	if more := len(names) - namesListed; more > 0 {
		known += fmt.Sprintf(" and %d more", more)
	}
	return nil, fmt.Errorf("%w: %.100q; %s", sale.ErrNoNode, r.PathValue("node"), known)
}

// last reports whether no other node would sell without this one. One that does not run is no loss.
func (h *Handler) last(name string, set map[string]sale.NodeSetting) bool {
	runs := false
	for _, n := range h.view() {
		if n.Name == name {
			runs = true
		} else if n.Selling() && !set[n.Name].Drained {
			return false
		}
	}
	return runs
}

// heeded waits for some time until gossip has the node as it should be. One that does not run heeds it at its start.
func (h *Handler) heeded(r *http.Request, name string, is func(sale.Node) bool) {
	for deadline := time.Now().Add(h.heed); time.Now().Before(deadline); {
		view := h.view()
		i := slices.IndexFunc(view, func(n sale.Node) bool { return n.Name == name })
		if i < 0 || is(view[i]) || !pause.For(r.Context(), nodePoll) {
			return
		}
	}
}

// showNode answers with the node, as the change has left it.
func (h *Handler) showNode(w http.ResponseWriter, r *http.Request, name string, change func(*sale.NodeSetting)) error {
	set, err := h.stock.NodeSettings(r.Context())
	if err != nil { // the change was made: it is shown by itself
		set = map[string]sale.NodeSetting{}
	}
	s := set[name]
	change(&s)
	for _, n := range listNodes(h.view(), map[string]sale.NodeSetting{name: s}) {
		if n.Name == name {
			h.write(w, http.StatusOK, "application/json", n)
		}
	}
	return nil
}
