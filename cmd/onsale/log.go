package main

import (
	"context"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/app"
	"onsale/internal/output"
)

// logs are the verbs about the logs of running programs.
type logs struct {
	Show logShow `cmd:"" help:"Show how much a node, an allocator or a ledger logs."`
	Set  logSet  `cmd:"" help:"Change how much it logs, until it ends."`
}

// program is the admin port of one program.
type program struct {
	Addr string `arg:"" name:"address" help:"host:port of the program's admin port, in place of the allocators'."`
}

// Validate reports an address that is none, see kong.
func (p program) Validate() error { return (app.Addresses{"address": {p.Addr}}).Check(false) }

type logShow struct {
	Program   program   `embed:""`
	Operators operators `embed:""`
}

// Run shows the level.
func (v *logShow) Run(ctx context.Context, c *console) error {
	return v.Operators.logOf(ctx, c, v.Program, func(at client.Client) (adminapi.Log, error) { return at.Log(ctx) })
}

type logSet struct {
	Program   program   `embed:""`
	Level     string    `arg:"" enum:"debug,info,warn,error" help:"debug (a line for each request of a buyer), info, warn or error."`
	Operators operators `embed:""`
}

// Run changes the level.
func (v *logSet) Run(ctx context.Context, c *console) error {
	return v.Operators.logOf(ctx, c, v.Program, func(at client.Client) (adminapi.Log, error) { return at.SetLog(ctx, v.Level) })
}

// logOf makes a call to one program, and prints its level.
func (o operators) logOf(ctx context.Context, c *console, p program, ask func(client.Client) (adminapi.Log, error)) error {
	return o.callProgram(ctx, c, p, func(at client.Client) error {
		l, err := ask(at)
		if err != nil {
			return err
		}
		return o.printer(c).Document(l, output.Fields(output.Field{Name: "program", Value: p.Addr}, output.Field{Name: "level", Value: l.Level}))
	})
}

// callProgram has work call one program.
func (o operators) callProgram(ctx context.Context, c *console, p program, work func(client.Client) error) error {
	return o.call(ctx, c, "", func(at client.Client) error {
		at.Addr, at.Others = p.Addr, nil
		return work(at)
	})
}
