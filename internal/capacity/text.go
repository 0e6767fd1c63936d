package capacity

import (
	"fmt"
	"strconv"
)

// PartHead are the columns of [Plan.PartRows].
var PartHead = []string{"part", "requests a second", "cores busy", "machines", "because of", "connections", "memory", "network"}

// PartRows is a row of text for each part.
func (p Plan) PartRows() (rows [][]string) {
	for _, one := range p.Parts {
		rows = append(rows, []string{
			one.Name, Short(one.Requests), blank(one.Cores, func(v float64) string { return fmt.Sprintf("%.1f", v) }), strconv.Itoa(one.Machines), one.Why,
			blank(one.Open, Short), blank(one.Memory, bytes), blank(one.Network, bits),
		})
	}
	return rows
}

// LimitHead are the columns of [Plan.LimitRows].
var LimitHead = []string{"what breaks first", "asked", "at most", "used", "beyond it"}

// LimitRows is a row of text for each limit, the one that breaks first before the others.
func (p Plan) LimitRows() (rows [][]string) {
	for _, l := range p.Limits {
		rows = append(rows, []string{l.What, Short(l.Asked), Short(l.Most), fmt.Sprintf("%.0f %%", 100*l.Share()), l.Then})
	}
	return rows
}

// Short is a number with three digits: 167 k for 166,667.
func Short(v float64) string { return scaled(v, 1000, "", " k", " M", " G", " T") }

func bytes(v float64) string { return scaled(v, 1000, " B", " KB", " MB", " GB", " TB") }

func bits(v float64) string {
	return scaled(8*v, 1000, " bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s")
}

func scaled(v, base float64, units ...string) string {
	for len(units) > 1 && v >= base*0.9995 {
		v, units = v/base, units[1:]
	}
	digits := 0
	if v < 100 && v != float64(int64(v)) {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + units[0]
}

func blank(v float64, text func(float64) string) string {
	if v == 0 {
		return ""
	}
	return text(v)
}
