package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"onsale/internal/adminapi/client"
	"onsale/internal/app"
	"onsale/internal/output"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// nodes are the verbs about nodes.
type nodes struct {
	List    nodeList    `cmd:"" help:"List the nodes as gossip knows them, and allocators, ledgers and Nginxes."`
	Drain   nodeDrain   `cmd:"" help:"Take a node out of the upstream and the plans. It keeps running, finishes what it has begun, and may return."`
	Undrain nodeUndrain `cmd:"" help:"Let a node return that was drained."`
	Weight  nodeWeight  `cmd:"" help:"Give a node another share of buyers and stock, while it sells."`
	Holds   nodeHolds   `cmd:"" help:"Show the holds of a sale that a node acknowledged in the last minute."`
}

type nodeHolds struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Node      string    `arg:"" help:"host:port of the node's admin port, in place of the allocators'."`
	Operators operators `embed:""`
}

// Validate reports an address that is none, see kong.
func (v *nodeHolds) Validate() error { return (app.Addresses{"node": {v.Node}}).Check(false) }

// Run shows what the node remembers.
func (v *nodeHolds) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		at.Addr, at.Others = v.Node, nil
		h, err := at.Holds(ctx, sale.ID(v.Sale))
		if err != nil {
			return err
		}
		if len(h.Holds) == 0 {
			c.logLine("the node acknowledged no hold of this sale in the last minute")
		}
		table := output.Table{Columns: []output.Column{
			{Title: "order", Break: output.Anywhere}, {Title: "buyer", Break: output.Anywhere}, {Title: "quantity", Number: true},
			{Title: "seq", Number: true}, {Title: "created", Break: output.AtWords, Least: 20},
		}}
		for _, hold := range h.Holds {
			table.Rows = append(table.Rows, holdRow(hold, time.Now()))
		}
		return v.Operators.printer(c).Document(h, output.Fields(
			output.Field{Name: "node", Value: h.Node}, output.Field{Name: "sale", Value: string(h.Sale)},
			output.Field{Name: "last event seen", Value: fmt.Sprintf("epoch %d, seq %d", h.Seen.Epoch, h.Seen.Seq)},
		), table)
	})
}

func holdRow(h reconcile.Hold, now time.Time) []string {
	return []string{string(h.Order.ID), string(h.Order.Buyer), strconv.Itoa(h.Order.Quantity), fmt.Sprint(h.Mark.Seq), output.Time(h.Order.Created.Time(), now)}
}
