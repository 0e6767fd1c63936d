package main

import (
	"context"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
	"onsale/internal/sale"
)

// refunds are the verbs about payments that are due to go back.
type refunds struct {
	List   refundList   `cmd:"" help:"List a sale's payments that are due to go back, oldest first."`
	Settle refundSettle `cmd:"" help:"Note that the money of a payment has gone back."`
}

// orphans are the verbs about payments for sales that nobody knows.
type orphans struct {
	List   orphanList   `cmd:"" help:"List the payments for sales that nobody knows and that are due to go back, oldest first."`
	Settle orphanSettle `cmd:"" help:"Note that the money of such a payment has gone back."`
}

// paymentState selects payments of a list.
type paymentState struct {
	State string `default:"due" help:"due: it has to go back. settled: it has gone back. applied: it pays its order."`
	Limit int    `default:"0" help:"How many at most; 0: all."`
}

type refundList struct {
	Sale      id           `arg:"" help:"The sale's id."`
	Which     paymentState `embed:""`
	Operators operators    `embed:""`
}

// Validate reports a flag that makes no sense, see kong.
func (v *refundList) Validate() error { return checkLimit(v.Which.Limit) }

// Run lists the payments.
func (v *refundList) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		now := time.Now()
		return listed(c, v.Operators, "there is no such payment", paymentColumns, func(p adminapi.Payment) []string { return paymentRow(p, now) },
			at.Refunds(ctx, sale.ID(v.Sale), sale.PaymentState(v.Which.State), v.Which.Limit))
	})
}

type refundSettle struct {
	Sale      id        `arg:"" help:"The payment's sale."`
	Payment   id        `arg:"" help:"The payment's id."`
	Operators operators `embed:""`
}

// Run settles the payment.
func (v *refundSettle) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		p, err := at.SettleRefund(ctx, sale.ID(v.Sale), sale.PaymentID(v.Payment))
		if err != nil {
			return err
		}
		return v.Operators.printer(c).Document(p, output.Table{Columns: paymentColumns, Rows: [][]string{paymentRow(p, time.Now())}})
	})
}

type orphanList struct {
	Which     paymentState `embed:""`
	Operators operators    `embed:""`
}

// Validate reports a flag that makes no sense, see kong.
func (v *orphanList) Validate() error { return checkLimit(v.Which.Limit) }

// Run lists the payments.
func (v *orphanList) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		now := time.Now()
		return listed(c, v.Operators, "there is no such payment", orphanColumns(), func(o adminapi.Orphan) []string { return orphanRow(o, now) },
			at.Orphans(ctx, sale.PaymentState(v.Which.State), v.Which.Limit))
	})
}

type orphanSettle struct {
	Payment   id        `arg:"" help:"The payment's id."`
	Operators operators `embed:""`
}

// Run settles the payment.
func (v *orphanSettle) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		o, err := at.SettleOrphan(ctx, sale.PaymentID(v.Payment))
		if err != nil {
			return err
		}
		return v.Operators.printer(c).Document(o, output.Table{Columns: orphanColumns(), Rows: [][]string{orphanRow(o, time.Now())}})
	})
}

// paymentColumns are those of a list of payments.
var paymentColumns = []output.Column{
	{Title: "payment", Break: output.Anywhere}, {Title: "order", Break: output.Anywhere}, {Title: "amount in minor units", Break: output.AtWords, Number: true},
	{Title: "refunded", Number: true}, {Title: "state", Break: output.AtWords}, {Title: "at", Break: output.AtWords, Least: 20},
}

// paymentRow has what goes back in parts beside the amount, and the reason beside the state.
func paymentRow(p adminapi.Payment, now time.Time) []string {
	state, refunded := p.State, ""
	if p.Reason != "" {
		state += " (" + p.Reason + ")"
	}
	if p.Of != "" {
		state += " of " + p.Of
	}
	if p.Refunded != 0 {
		refunded = number(p.Refunded)
	}
	return []string{p.ID, p.Order, number(p.Amount) + " " + p.Currency, refunded, state, output.Time(p.At, now)}
}

func orphanColumns() []output.Column {
	return append([]output.Column{{Title: "sale", Break: output.Anywhere}}, paymentColumns...)
}

func orphanRow(o adminapi.Orphan, now time.Time) []string {
	return append([]string{o.Sale}, paymentRow(o.Payment, now)...)
}
