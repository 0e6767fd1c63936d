package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"onsale/internal/capacity"
	"onsale/internal/output"
)

// planning computes what a sale takes. It asks nobody.
type planning struct {
	Buyers  float64 `required:"" placeholder:"N" help:"How many buyers come; 5e6 is five millions."`
	Tickets float64 `required:"" placeholder:"N" help:"How many tickets there are."`

	OpenWithin      time.Duration `default:"1m" help:"How long it takes them to come, evenly."`
	LineRate        int           `default:"0" help:"People a second whom the sale's line admits; 0: it is open to all."`
	Tries           float64       `default:"2" help:"Purchases that each buyer sends, those answered busy or sold out included."`
	Looks           float64       `default:"2" help:"Times that each page asks for the sale before the purchase."`
	TLS             bool          `name:"tls" default:"true" negatable:"" help:"Buyers come by HTTPS, each with a handshake."`
	Cores           int           `default:"8" help:"Processor cores of each machine."`
	EdgeConnections int           `default:"16384" help:"Connections of each worker of Nginx (worker_connections)."`
	Headroom        float64       `default:"2" help:"How many times more to plan than is needed if all come evenly."`

	Costs []string `placeholder:"FILE" type:"path" help:"JSON that go run ./bench edge, ratios, redis, waiting or connections wrote on your machine, in the place of the defaults; may be repeated."`
	JSON  bool     `help:"JSON in place of text."`
}

func (p *planning) demand() capacity.Demand {
	return capacity.Demand{
		Buyers: p.Buyers, Tickets: p.Tickets, Within: p.OpenWithin, LineRate: p.LineRate, Tries: p.Tries, Looks: p.Looks,
		TLS: p.TLS, Cores: p.Cores, EdgeConnections: p.EdgeConnections, Headroom: p.Headroom,
	}
}

// Validate reports every fault at once, or nil.
func (p *planning) Validate() error { return p.demand().Validate() }

// planned is what onsale plan prints.
type planned struct {
	Demand capacity.Demand `json:"demand"`
	Within float64         `json:"open_within_seconds"`
	capacity.Plan
	Costs []capacity.Cost `json:"costs"`
}

// Run computes and prints.
func (p *planning) Run(c *console) error {
	costs, err := p.costs()
	if err != nil {
		return err
	}
	out := planned{Demand: p.demand(), Within: p.OpenWithin.Seconds(), Plan: capacity.Compute(p.demand(), costs), Costs: costs.List()}
	return output.New(c.out, p.JSON).Document(out,
		output.Fields(
			output.Field{Name: "buyers a second", Value: capacity.Short(out.Arrivals)},
			output.Field{Name: "sold out after", Value: seconds(out.Selling)},
			output.Field{Name: "all in the ledger after", Value: seconds(out.Recorded)}),
		tableOf(capacity.PartHead, out.PartRows()), tableOf(capacity.LimitHead, out.LimitRows()), costTable(out.Costs))
}

// costs are the defaults, and over them what the files have.
func (p *planning) costs() (capacity.Costs, error) {
	costs, err := capacity.Default()
	if err != nil {
		return costs, err
	}
	for _, name := range p.Costs {
		f, err := os.Open(name)
		if err != nil {
			return costs, usageError{fmt.Errorf("--costs %s: %w", name, errors.Unwrap(err))}
		}
		if err := errors.Join(costs.Read(f), f.Close()); err != nil {
			return costs, usageError{fmt.Errorf("--costs %s: %w", name, err)}
		}
	}
	return costs, nil
}

func seconds(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + " s" }

func tableOf(head []string, rows [][]string) output.Table {
	t := output.Table{Rows: rows}
	for i, title := range head {
		t.Columns = append(t.Columns, output.Column{Title: title, Break: output.AtWords, Number: i > 0 && i < 4})
	}
	return t
}

func costTable(costs []capacity.Cost) output.Table {
	var rows [][]string
	for _, one := range costs {
		rows = append(rows, []string{one.Name, strconv.FormatFloat(one.Value, 'f', 1, 64), one.Unit, one.Source})
	}
	t := tableOf([]string{"computed with", "figure", "unit", "from"}, rows)
	t.Columns[2].Number, t.Columns[3].Number = false, false
	return t
}
