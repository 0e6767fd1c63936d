package node

import (
	"onsale/internal/localstock"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// names lists a closed set's words by index.
func names[T interface {
	~uint8
	String() string
}](count int) []string {
	words := make([]string, count)
	for i := range words {
		words[i] = T(i).String()
	}
	return words
}

func localHooks(m *telemetry.Node, id string) localstock.Hooks {
	return localstock.Hooks{
		Buffered: func() { m.Buffered(id) },
		Adopted:  func(sale.Allotment) { m.Adopted(id) },
		Drew: func(g sale.Grant, err error) {
			switch {
			case err != nil:
				m.Drew(id, "error")
			case g.Outcome == sale.Undecided:
				m.Drew(id, "granted")
			default:
				m.Drew(id, g.Outcome.String())
			}
		},
	}
}

// levels are what the metrics of each sale show at a scrape.
func (n *Node) levels() []telemetry.Level {
	var levels []telemetry.Level
	for id, d := range n.shop.Desks() {
		slice, buffer := d.Local().Level()
		levels = append(levels, telemetry.Level{Sale: string(id), Slice: slice, Buffer: buffer, Remaining: d.Remaining(), SoldOut: d.Local().Exhausted()})
	}
	return levels
}
