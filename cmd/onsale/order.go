package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
	"onsale/internal/sale"
)

// orders are the verbs about orders.
type orders struct {
	Show   orderShow   `cmd:"" help:"Show an order and its payments."`
	Export orderExport `cmd:"" help:"Write all orders of a sale as CSV, from the ledger's PostgreSQL."`
	Refund orderRefund `cmd:"" help:"End a paid order: its tickets go back on sale, and its money is due to go back. With --amount so much is due, and the order stays."`
}

type orderShow struct {
	Sale      id        `arg:"" help:"The order's sale."`
	Order     id        `arg:"" help:"The order's id."`
	Operators operators `embed:""`
}

// Run shows the order.
func (v *orderShow) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		o, err := at.Order(ctx, sale.ID(v.Sale), sale.OrderID(v.Order))
		if err != nil {
			return err
		}
		return printOrder(c, v.Operators, o)
	})
}

type orderRefund struct {
	Sale      id        `arg:"" help:"The order's sale."`
	Order     id        `arg:"" help:"The order's id."`
	Amount    *int64    `help:"So much of the payment in the currency's minor unit, in place of the whole order."`
	Key       string    `help:"With --amount: the id of this part, which the payment provider is given as the refund's id. With the same key it is made once, however often it is sent. Without it each run is another part."`
	Operators operators `embed:""`
}

// Validate reports a flag that makes no sense, see kong.
func (v *orderRefund) Validate() error {
	if v.Key != "" && v.Amount == nil {
		return errors.New("--key names a part of the payment: give its --amount")
	}
	return nil
}

// Run refunds the order, or a part of its payment.
func (v *orderRefund) Run(ctx context.Context, c *console) error {
	made := ""
	if v.Amount != nil && v.Key == "" {
		v.Key = "re_" + uuid.NewString()
		made = v.Key
	}
	return v.Operators.call(ctx, c, made, func(at client.Client) error {
		var o adminapi.Order
		var err error
		if v.Amount == nil {
			o, err = at.RefundOrder(ctx, sale.ID(v.Sale), sale.OrderID(v.Order))
		} else {
			o, err = at.RefundPart(ctx, sale.ID(v.Sale), sale.OrderID(v.Order), *v.Amount, v.Key)
		}
		if err != nil {
			return err
		}
		if made != "" {
			c.logLine("give the payment provider this id of the refund: " + made)
		}
		if o.Next != "" {
			c.logLine("the order has more payments: see `onsale order show`")
		}
		return printOrder(c, v.Operators, o)
	})
}

// printOrder prints an order and its payments.
func printOrder(c *console, o operators, order adminapi.Order) error {
	now := time.Now()
	payments := output.Table{Columns: paymentColumns}
	for _, p := range order.Payments {
		payments.Rows = append(payments.Rows, paymentRow(p, now))
	}
	return o.printer(c).Document(order, output.Fields(
		output.Field{Name: "order", Value: order.ID},
		output.Field{Name: "sale", Value: order.Sale},
		output.Field{Name: "buyer", Value: order.Buyer},
		output.Field{Name: "quantity", Value: strconv.Itoa(order.Quantity)},
		output.Field{Name: "state", Value: order.State},
		output.Field{Name: "created", Value: output.Time(order.CreatedAt, now)},
		output.Field{Name: "expires", Value: output.OptionalTime(order.ExpiresAt, now)},
	), payments)
}
