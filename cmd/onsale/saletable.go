package main

import (
	"fmt"
	"strconv"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
)

// saleColumns are those of a list of sales.
var saleColumns = []output.Column{
	{Title: "sale", Break: output.Anywhere}, {Title: "title", Break: output.AtWords}, {Title: "state"},
	{Title: "total", Number: true}, {Title: "remaining", Number: true}, {Title: "held", Number: true}, {Title: "paid", Number: true},
}

func saleRow(s client.Listed) []string {
	if s.Code != "" {
		return []string{s.ID, s.Detail, s.Code, "", "", "", ""}
	}
	return []string{s.ID, s.Title, saleState(s.Status), number(s.Total), number(s.Remaining), number(s.Held), number(s.Paid)}
}

// saleState is what the sale does, by Redis's time.
func saleState(s adminapi.Status) string {
	switch {
	case s.Lost != "":
		return "lost"
	case !s.Recorded:
		return "not recorded"
	case s.Closed, s.ClosesAt != nil && !s.RedisTime.Before(*s.ClosesAt):
		return "closed"
	case s.OpensAt != nil && s.RedisTime.Before(*s.OpensAt):
		return "scheduled"
	case s.Remaining == 0:
		return "sold out"
	}
	return "on sale"
}

// printSale prints a sale and its plan.
func printSale(c *console, o operators, s adminapi.Status) error {
	plan := output.Table{Columns: []output.Column{
		{Title: "node", Break: output.Anywhere}, {Title: "slice", Number: true}, {Title: "buffer", Number: true}, {Title: "claimed", Number: true},
	}}
	for _, share := range s.Plan {
		plan.Rows = append(plan.Rows, []string{share.Node, number(share.Slice), number(share.Buffer), number(share.Claimed)})
	}
	face, window := "", "always open"
	if s.FaceValue != 0 {
		face = money(s.FaceValue, s.Currency)
	}
	if s.OpensAt != nil || s.ClosesAt != nil {
		window = ""
	}
	return o.printer(c).Document(s, output.Fields(
		output.Field{Name: "sale", Value: s.ID},
		output.Field{Name: "title", Value: s.Title},
		output.Field{Name: "subtitle", Value: s.Subtitle},
		output.Field{Name: "kind", Value: s.Kind},
		output.Field{Name: "state", Value: saleState(s)},
		output.Field{Name: "lost", Value: s.Lost},
		output.Field{Name: "price", Value: money(s.Price, s.Currency)},
		output.Field{Name: "face value", Value: face},
		output.Field{Name: "total", Value: number(s.Total)},
		output.Field{Name: "remaining", Value: number(s.Remaining)},
		output.Field{Name: "held", Value: number(s.Held)},
		output.Field{Name: "paid", Value: number(s.Paid)},
		output.Field{Name: "window", Value: window},
		output.Field{Name: "opens", Value: output.OptionalTime(s.OpensAt, s.RedisTime)},
		output.Field{Name: "closes", Value: output.OptionalTime(s.ClosesAt, s.RedisTime)},
		output.Field{Name: "limit", Value: fmt.Sprintf("%d a buyer", s.Limit)},
		output.Field{Name: "lapses", Value: lapses(s.Lapses)},
		output.Field{Name: "admission", Value: s.Admission},
		output.Field{Name: "draw", Value: output.OptionalTime(s.DrawAt, s.RedisTime)},
		output.Field{Name: "beacon", Value: s.Beacon},
		output.Field{Name: "line", Value: lineOf(s)},
		output.Field{Name: "hold time", Value: (time.Duration(s.HoldSeconds * float64(time.Second))).String()},
		output.Field{Name: "challenges", Value: challengesOf(s)},
		output.Field{Name: "pays at", Value: s.PayURL},
		output.Field{Name: "rules", Value: s.Rules},
		output.Field{Name: "Redis's time", Value: output.Time(s.RedisTime, time.Now())},
		output.Field{Name: "generations", Value: fmt.Sprintf("stock %d, plan %d", s.StockGeneration, s.PlanGeneration)},
	), plan)
}

func lapses(n int) string {
	if n == 0 {
		return "any number"
	}
	return fmt.Sprintf("%d a buyer", n)
}

// lineOf is what a line lets in.
func lineOf(s adminapi.Status) string {
	switch {
	case s.LineLimit == 0:
		return ""
	case s.LineRate == 0:
		return fmt.Sprintf("%d places", s.LineLimit)
	}
	return fmt.Sprintf("%d places, %d a second", s.LineLimit, s.LineRate)
}

// challengesOf is how hard it is to join, where the sale has its own.
func challengesOf(s adminapi.Status) string {
	if s.ProofEasy == 0 {
		return ""
	}
	return fmt.Sprintf("up to %d while few join", s.ProofEasy)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// money is an amount as the API has it.
func money(amount int64, currency string) string {
	return fmt.Sprintf("%d %s in the minor unit", amount, currency)
}
