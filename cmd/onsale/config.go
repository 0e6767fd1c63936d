package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"onsale/internal/app"
	appallocator "onsale/internal/app/allocator"
	appledger "onsale/internal/app/ledger"
	appnode "onsale/internal/app/node"
	"onsale/internal/app/settings"
	"onsale/internal/output"
)

// configuration shows the settings of a program.
type configuration struct {
	JSON    bool     `name:"json" help:"Print JSON."`
	Program string   `arg:"" optional:"" default:"onsale" enum:"node,allocator,ledger,onsale" help:"node, allocator, ledger or onsale."`
	Flags   []string `arg:"" optional:"" passthrough:"" placeholder:"FLAG" help:"The flags that the program is started with. --config FILE names a file that is not the program's default one."`
}

// configured is what JSON has of a program.
type configured struct {
	Program  string             `json:"program"`
	Settings []settings.Setting `json:"settings"`
	Unknown  []string           `json:"unknown_environment"`
}

// Run prints the settings, and fails with the error with which the program would not start.
func (v *configuration) Run(c *console, tool *kong.Context) error {
	for _, p := range tool.Path { // --config is a flag of every verb, and meant for the program here
		if p.Flag != nil && p.Flag.Name == "config" {
			v.Flags = append(v.Flags, fmt.Sprint("--config=", tool.FlagValue(p.Flag)))
		}
	}
	parser, err := map[string]func() (*kong.Kong, error){
		"node":      func() (*kong.Kong, error) { return app.NewParser[appnode.Config]("node", "") },
		"allocator": func() (*kong.Kong, error) { return app.NewParser[appallocator.Config]("allocator", "") },
		"ledger":    func() (*kong.Kong, error) { return app.NewParser[appledger.Config]("ledger", "") },
		"onsale":    func() (*kong.Kong, error) { return newParser(new(commands), c.out, c.err) },
	}[v.Program]()
	if err != nil {
		return err
	}
	list, unknown, fault := settings.List(parser, v.Flags)
	table := output.Table{Columns: []output.Column{
		{Title: "setting"}, {Title: "value", Break: output.Anywhere}, {Title: "from", Break: output.Anywhere, Least: 8},
	}}
	for _, s := range list {
		from := s.Source
		if s.Where != "" {
			from += " " + s.Where
		}
		table.Rows = append(table.Rows, []string{s.Name, s.Value, from})
	}
	// Empty lists are lists in JSON, too.
	err = output.New(c.out, v.JSON).Document(configured{v.Program, append([]settings.Setting{}, list...), append([]string{}, unknown...)}, table)
	if len(unknown) > 0 {
		c.logLine("no program reads these environment variables: " + strings.Join(unknown, ", "))
	}
	if fault != nil {
		fault = fmt.Errorf("%s would not start: %w", v.Program, fault)
	}
	return errors.Join(err, fault)
}
