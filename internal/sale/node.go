package sale

// Node is one selling node as gossip knows it. All but the name is the node's own
// description of itself, as the JSON that its gossip carries.
type Node struct {
	Name     string `json:"-"`                  // unique in the cluster
	Address  string `json:"address,omitempty"`  // host:port where Nginx reaches its buyer API
	Weight   int    `json:"weight,omitempty"`   // its share of buyers and stock, relative to the others; at least 1
	Ready    bool   `json:"ready,omitempty"`    // it has read Redis time and sells
	Draining bool   `json:"draining,omitempty"` // it is shutting down on purpose
	Drained  bool   `json:"drained,omitempty"`  // an operator has taken it out; it keeps running, and may return
	Idle     bool   `json:"idle,omitempty"`     // it is drained, and no buyer's request comes or is under way any more
}

// Selling reports whether the node takes new buyers.
func (n Node) Selling() bool { return n.Ready && !n.Draining && !n.Drained }

// MaxWeight bounds a node's weight; the least is 1.
const MaxWeight = 1_000_000

// NodeSetting is what operators have set for a node while it runs. It outlives the node's process.
type NodeSetting struct {
	Drained bool
	Weight  int // in place of the node's own; 0: none was set
}

// View is every live node, sorted by name. A view is never changed once
// handed out.
type View []Node

// Selling returns the nodes that take new buyers, in the view's order.
func (v View) Selling() View {
	selling := make(View, 0, len(v))
	for _, n := range v {
		if n.Selling() {
			selling = append(selling, n)
		}
	}
	return selling
}

// Weight sums the weights of the nodes that take new buyers.
func (v View) Weight() int {
	sum := 0
	for _, n := range v {
		if n.Selling() {
			sum += n.Weight
		}
	}
	return sum
}
