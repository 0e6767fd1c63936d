package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
	"onsale/internal/pause"
)

// nodeWeightOf is a node's weight, and whether an operator has set it.
func nodeWeightOf(n adminapi.Node) string {
	switch {
	case n.SetWeight != 0:
		return fmt.Sprintf("%d (set)", n.Weight)
	case n.Away: // only it knows its own
		return ""
	}
	return strconv.Itoa(n.Weight)
}

// nodeState is what the node does for buyers.
func nodeState(n adminapi.Node) string {
	switch {
	case n.Away && n.Drained:
		return "away, drained"
	case n.Away:
		return "away"
	case n.Draining:
		return "draining"
	case n.Idle:
		return "drained, idle"
	case n.Drained:
		return "drained"
	case n.Ready:
		return "selling"
	}
	return "not ready"
}

// printNode prints a node.
func printNode(c *console, o operators, n adminapi.Node) error {
	return o.printer(c).Document(n, output.Fields(
		output.Field{Name: "node", Value: n.Name}, output.Field{Name: "address", Value: n.Address},
		output.Field{Name: "weight", Value: nodeWeightOf(n)}, output.Field{Name: "state", Value: nodeState(n)},
	))
}

type nodeDrain struct {
	Node      id            `arg:"" help:"The node's name."`
	Wait      bool          `help:"Return once no buyer's request comes to the node or is under way any more: then it can be stopped."`
	Within    time.Duration `default:"1m" help:"How long to wait at most; then the verb fails, and the node stays drained."`
	Force     bool          `help:"Drain it though no other node sells. It serves on until another one does."`
	Operators operators     `embed:""`
}

// Run drains the node.
func (v *nodeDrain) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		n, err := at.DrainNode(ctx, string(v.Node), v.Force)
		if err == nil && v.Wait {
			n, err = v.await(ctx, c, at, n)
		}
		if err != nil {
			return err
		}
		return printNode(c, v.Operators, n)
	})
}

// drainPoll is how often a verb that waits looks at the node, which itself looks every half second.
const drainPoll = 250 * time.Millisecond

// await returns when the node is idle, or does not run.
func (v *nodeDrain) await(ctx context.Context, c *console, at client.Client, n adminapi.Node) (adminapi.Node, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, v.Within, errNotIdle)
	defer cancel()
	for !n.Idle && !n.Away {
		if !pause.For(ctx, drainPoll) {
			return n, fmt.Errorf("%w: it is %s. It stays drained; wait again, or look at `onsale node list`: the last node serves on until another one sells", context.Cause(ctx), nodeState(n))
		}
		list, err := at.Nodes(ctx)
		if err != nil {
			if ctx.Err() != nil {
				continue
			}
			return n, fmt.Errorf("the node is drained, and can't be looked at: %w", err)
		}
		n = nodeNamed(list.Nodes, n.Name)
	}
	if n.Away {
		c.logLine("the node does not run; it stays drained when it comes back")
	}
	return n, nil
}

// errNotIdle is why a wait has failed.
var errNotIdle = errors.New("buyers still ask the node")

// nodeNamed is the node of this name; one that is not listed does not run.
func nodeNamed(nodes []adminapi.Node, name string) adminapi.Node {
	for _, n := range nodes {
		if n.Name == name {
			return n
		}
	}
	return adminapi.Node{Name: name, Drained: true, Away: true}
}

type nodeUndrain struct {
	Node      id        `arg:"" help:"The node's name."`
	Operators operators `embed:""`
}

// Run lets the node return.
func (v *nodeUndrain) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		n, err := at.UndrainNode(ctx, string(v.Node))
		if err != nil {
			return err
		}
		return printNode(c, v.Operators, n)
	})
}

type nodeWeight struct {
	Node      id        `arg:"" help:"The node's name."`
	Weight    int       `arg:"" optional:"" help:"Its share of buyers and stock, relative to the other nodes."`
	Own       bool      `help:"Give it back the weight that it was started with."`
	Operators operators `embed:""`
}

// Validate wants one of the two, see kong. The API has the bounds, but for 0, which a weight that is left out is too.
func (v *nodeWeight) Validate() error {
	if v.Own == (v.Weight != 0) {
		return errors.New("want a weight of 1 or more, or --own; to have a node get no buyers, drain it")
	}
	return nil
}

// Run changes the node's weight.
func (v *nodeWeight) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		n, err := at.WeighNode(ctx, string(v.Node), v.Weight)
		if err != nil {
			return err
		}
		return printNode(c, v.Operators, n)
	})
}
