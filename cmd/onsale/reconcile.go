package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"onsale/internal/app"
	"onsale/internal/ledger"
	"onsale/internal/operate"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// reconciling puts a sale together again after Redis, its stream or the ledger has lost data.
type reconciling struct {
	Sale         string             `arg:"" help:"The sale's id."`
	DryRun       bool               `help:"Show what was found and what would be done, and change nothing."`
	JSON         bool               `name:"json" help:"Print the plan as JSON."`
	Keep         map[string]string  `help:"BUYER=ORDER: which of a buyer's live orders stays. May be given several times." mapsep:"none"`
	TwoOrders    string             `enum:",keep-first,keep-later" default:"" help:"Which of a buyer's live orders stays, for all buyers that --keep does not name: keep-first or keep-later."`
	Oversold     string             `enum:",raise-total,refund-later" default:"" help:"What becomes of live orders beyond the total: raise-total, or refund-later, the ones made last."`
	Lives        string             `enum:",merge" default:"" help:"merge: make one sale of two that were opened under this id and have both sold."`
	Restock      map[string]int64   `help:"KEY=DELTA: what a restock changed that the records have with two deltas."`
	Force        bool               `help:"Reconcile a sale that has lost nothing, too."`
	WithoutNodes bool               `name:"without-nodes" help:"Go on although a node that runs does not answer: holds that it alone remembers are lost."`
	Wait         time.Duration      `default:"30s" help:"How long the ledger that reads the sale may take to leave it to this command."`
	Operators    app.AdminFlags     `embed:""`
	Stores       operate.StoreFlags `embed:""`
}

// Run prints the plan, carries it out unless this is a dry run, and audits the sale.
func (r *reconciling) Run(ctx context.Context, c *console) error {
	id, err := sale.ParseID(r.Sale)
	if err != nil {
		return err
	}
	o := operate.ReconcileOptions{
		Decisions: reconcile.Decisions{
			Keep: map[sale.Buyer]sale.OrderID{}, TwoOrders: reconcile.TwoOrders(r.TwoOrders),
			Oversold: reconcile.Oversold(r.Oversold), Lives: reconcile.Lives(r.Lives), Restocks: r.Restock,
		},
		DryRun: r.DryRun, Force: r.Force, WithoutNodes: r.WithoutNodes, Wait: r.Wait,
	}
	for buyer, order := range r.Keep {
		o.Decisions.Keep[sale.Buyer(buyer)] = sale.OrderID(order)
	}
	plan, err := operate.Reconcile(ctx, r.Stores, r.Operators, id, o, c.logLine, c.log)
	whole := errors.Is(err, ledger.ErrWhole)
	if err == nil || errors.Is(err, ledger.ErrDecisionNeeded) {
		if perr := r.print(c, plan); perr != nil {
			return perr
		}
	}
	switch {
	case whole:
		c.logLine("Redis and the ledger agree: there is nothing to reconcile")
	case err != nil:
		return err
	case r.DryRun:
		return nil
	}
	return auditEach(ctx, c, r.Stores, 0, id)
}

func (r *reconciling) print(c *console, plan reconcile.Plan) error {
	if !r.JSON {
		_, err := fmt.Fprint(c.out, plan)
		return err
	}
	body, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s\n", body)
	return err
}
