package rebalance

import (
	"context"

	"onsale/internal/line"
	"onsale/internal/sale"
)

// draw freezes those who have joined, once the sale's draw is due, and publishes the hash of their
// list. A leader that dies in between has the next one go on. The list takes seconds where a million
// have joined; nobody buys meanwhile, as the draw is a minute before the opening.
func (p *planner) draw(ctx context.Context, v sale.Survey) {
	d, l := &v.Sale, v.Reading.Line
	if l == nil || d.Admission != sale.AdmitLine || d.DrawAt == 0 || l.List != "" || v.Reading.At < d.DrawAt {
		return
	}
	p.failures.note(ctx, OpDraw, p.publish(ctx, d))
}

func (p *planner) publish(ctx context.Context, d *sale.Sale) error {
	l, err := p.step(ctx, sale.DrawFreeze, "")
	if err != nil || !l.Over || l.List != "" {
		return err
	}
	list, err := line.NewList(string(p.id), string(d.LineSecret))
	if err != nil {
		return err
	}
	if err := p.stock.DrawnPlaces(ctx, p.id, func(b sale.Buyer) { list.Add(string(b)) }); err != nil {
		return err
	}
	_, err = p.step(ctx, sale.DrawList, line.HashEntries(list.Sorted()).String())
	return err
}

func (p *planner) step(ctx context.Context, step sale.DrawStep, value string) (sale.Line, error) {
	call, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	return p.stock.Draw(call, p.id, step, value)
}
