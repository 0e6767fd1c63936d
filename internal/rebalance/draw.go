package rebalance

import (
	"context"

	"onsale/internal/draw"
	"onsale/internal/sale"
)

// draw takes the sale's draw once it is due. A leader that dies in between has the next one go on. The list
// takes seconds where a million have joined; nobody buys meanwhile, as the draw is a minute before the opening.
func (p *planner) draw(ctx context.Context, v sale.Survey) {
	if l := v.Reading.Line; l == nil || !draw.Due(&v.Sale, l, v.Reading.At) {
		return
	}
	_, err := draw.Take(ctx, p.stock, &v.Sale, v.Reading.At)
	p.failures.note(ctx, OpDraw, err)
}
