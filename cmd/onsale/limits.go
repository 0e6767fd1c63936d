package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
)

// limits are the verbs about how often buyers may ask a node.
type limits struct {
	Show limitsShow `cmd:"" help:"Show how often buyers may ask a node."`
	Set  limitsSet  `cmd:"" help:"Change it, until the node ends: the limits that are named."`
}

type limitsShow struct {
	Node      program   `embed:""`
	Operators operators `embed:""`
}

// Run shows the limits.
func (v *limitsShow) Run(ctx context.Context, c *console) error {
	return v.Operators.limitsOf(ctx, c, v.Node, func(at client.Client) (adminapi.Limits, error) { return at.Limits(ctx) })
}

type limitsSet struct {
	Node      program    `embed:""`
	Limits    nodeLimits `embed:""`
	Operators operators  `embed:""`
}

// nodeLimits are limits as flags. The API has their bounds.
type nodeLimits struct {
	BuyerRate  *float64 `json:"buyer_rate,omitempty" help:"Requests a second of one buyer; 0: no limit."`
	BuyerBurst *int64   `json:"buyer_burst,omitempty" help:"Requests of one buyer at once."`
	NodeRate   *float64 `json:"node_rate,omitempty" help:"Requests a second of all buyers together; 0: no limit."`
	NodeBurst  *int64   `json:"node_burst,omitempty" help:"Requests of all buyers at once."`
}

// Validate reports that no limit is named, see kong.
func (v *limitsSet) Validate() error {
	if v.Limits == (nodeLimits{}) {
		return errors.New("name a limit: --buyer-rate, --buyer-burst, --node-rate or --node-burst")
	}
	return nil
}

// Run changes the limits.
func (v *limitsSet) Run(ctx context.Context, c *console) error {
	body, err := json.Marshal(v.Limits)
	if err != nil {
		return err
	}
	return v.Operators.limitsOf(ctx, c, v.Node, func(at client.Client) (adminapi.Limits, error) { return at.ChangeLimits(ctx, body) })
}

// limitsOf makes a call to one node, and prints its limits.
func (o operators) limitsOf(ctx context.Context, c *console, p program, ask func(client.Client) (adminapi.Limits, error)) error {
	return o.callProgram(ctx, c, p, func(at client.Client) error {
		l, err := ask(at)
		if err != nil {
			return err
		}
		return o.printer(c).Document(l, output.Fields(
			output.Field{Name: "node", Value: p.Addr},
			output.Field{Name: "each buyer", Value: limitText(l.BuyerRate, l.BuyerBurst)},
			output.Field{Name: "all buyers", Value: limitText(l.NodeRate, l.NodeBurst)}))
	})
}

func limitText(rate float64, burst int) string {
	if rate == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%s requests a second, %d at once", strconv.FormatFloat(rate, 'f', -1, 64), burst)
}
