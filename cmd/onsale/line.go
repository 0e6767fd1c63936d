package main

import (
	"context"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
	"onsale/internal/sale"
)

// lines are the verbs about a sale's line.
type lines struct {
	Show   lineShow   `cmd:"" help:"Show a sale's line and its draw."`
	Beacon lineBeacon `cmd:"" help:"Record what the sale's beacon has published, once and for ever."`
	Verify lineVerify `cmd:"" help:"Compute a published draw again, and find a place in it. It asks nobody."`
}

type lineShow struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Entries   bool      `help:"With the list of the drawn, once it is public: with --json this is what is published for onsale line verify."`
	Operators operators `embed:""`
}

// Run shows the line.
func (v *lineShow) Run(ctx context.Context, c *console) error {
	return v.Operators.lineOf(ctx, c, func(at client.Client) (adminapi.Line, error) { return at.Line(ctx, sale.ID(v.Sale), v.Entries) })
}

type lineBeacon struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Value     string    `arg:"" help:"What the beacon has published: its bytes are the beacon of the draw."`
	Operators operators `embed:""`
}

// Run records the value.
func (v *lineBeacon) Run(ctx context.Context, c *console) error {
	return v.Operators.lineOf(ctx, c, func(at client.Client) (adminapi.Line, error) { return at.RecordBeacon(ctx, sale.ID(v.Sale), v.Value) })
}

// lineOf makes a call, and prints the line.
func (o operators) lineOf(ctx context.Context, c *console, ask func(client.Client) (adminapi.Line, error)) error {
	return o.call(ctx, c, "", func(at client.Client) error {
		l, err := ask(at)
		if err != nil {
			return err
		}
		return o.printer(c).Document(l, output.Fields(
			output.Field{Name: "sale", Value: l.Sale},
			output.Field{Name: "joined", Value: number(l.Joined)},
			output.Field{Name: "drawn", Value: number(l.Drawn)},
			output.Field{Name: "front", Value: number(l.Front)},
			output.Field{Name: "commitment", Value: l.Commitment},
			output.Field{Name: "list", Value: l.List},
			output.Field{Name: "beacon", Value: l.Beacon},
			output.Field{Name: "beacon's value", Value: l.BeaconValue},
			output.Field{Name: "seed", Value: l.Seed}))
	})
}
