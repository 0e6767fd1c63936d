package capacity

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the tables of docs/scale.md")

const page = "../../docs/scale.md"

// The tables of the page are what the calculator and the simulation say.
func TestThePageOfScaleIsComputed(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	c := defaults(t)
	for name, table := range map[string]string{
		"costs":    costsTable(c),
		"open":     planTables(c, 0),
		"line":     planTables(c, 500),
		"measures": measuresTable(c),
		"shards":   shardTable(c),
		"escrow":   escrowTable(c),
	} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end "+name+" -->"
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no %q … %q, want the table between them", page, begin, end)
		}
		text = before + begin + table + end + after
	}
	if text == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run go test ./internal/capacity -update", page)
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func defaults(t *testing.T) Costs {
	t.Helper()
	c, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func markdown(head []string, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

func costsTable(c Costs) string {
	var rows [][]string
	for _, one := range c.List() {
		rows = append(rows, []string{one.Name, fmt.Sprintf("%.1f", one.Value), one.Unit, one.Source})
	}
	return markdown([]string{"what", "figure", "unit", "from"}, rows)
}

func planTables(c Costs, lineRate int) string {
	var b strings.Builder
	for _, buyers := range []struct {
		name string
		n    float64
	}{{"10⁶", 1e6}, {"10⁷", 1e7}, {"10⁸", 1e8}} {
		d := DefaultDemand()
		d.Buyers, d.Tickets, d.LineRate = buyers.n, buyers.n/50, lineRate
		p := Compute(d, c)
		fmt.Fprintf(&b, "**%s buyers for %s tickets**: %s a second come, sold after %.1f s, all in the ledger after %.1f s.\n\n%s\n%s\n",
			buyers.name, Short(d.Tickets), Short(p.Arrivals), p.Selling, p.Recorded, markdown(PartHead, p.PartRows()), markdown(LimitHead, p.LimitRows()))
	}
	return b.String()
}

// crowd is a sale on shards, at so many times the claims that one core decides.
func crowd(c Costs, shards int, e Escrow, tickets int, times float64) Sharded {
	core := 1e6 / c.RedisClaim
	return Sharded{Shards: shards, Escrow: e, Tickets: tickets, Buyers: 3 * tickets, Rate: times * core, Core: core, Seed: 1}
}

func shardTable(c Costs) string {
	const tickets = 200_000
	head := []string{"buyers a second, by what one core decides"}
	counts := []int{1, 2, 4, 8}
	for _, n := range counts {
		head = append(head, fmt.Sprintf("%d master%s", n, map[bool]string{true: "s"}[n > 1]))
	}
	var rows [][]string
	for _, times := range []float64{0.5, 1, 2, 4, 8} {
		row := []string{fmt.Sprintf("%g × (%s)", times, Short(times*1e6/c.RedisClaim))}
		for _, n := range counts {
			row = append(row, fmt.Sprintf("%.2f s", crowd(c, n, Borrow, tickets, times).Run().Seconds))
		}
		rows = append(rows, row)
	}
	core := 1e6 / c.RedisClaim
	return fmt.Sprintf("One core decides %s claims a second. That is %s buyers who come within a minute.\n\n%s", Short(core), Short(60*core), markdown(head, rows))
}

// measuresTable is 10⁸ buyers again, with one thing changed after the other.
func measuresTable(c Costs) string {
	d := DefaultDemand()
	d.Buyers, d.Tickets = 1e8, 2e6
	var rows [][]string
	add := func(what string) {
		p := Compute(d, c)
		rows = append(rows, []string{what, fmt.Sprint(p.Parts[0].Machines), fmt.Sprint(p.Parts[1].Machines), fmt.Sprintf("%s: %.0f %%", p.Limits[0].What, 100*p.Limits[0].Share()), fmt.Sprintf("%.0f s", p.Selling)})
	}
	add("as above, open to all")
	d.EdgeConnections = 131_072
	add("and `--edge-connections 131072`")
	d.LineRate = 20_000
	add("and `--line-rate 20000`")
	d.Within = 30 * time.Minute
	add("and `--open-within 30m`: they join within half an hour")
	return markdown([]string{"10⁸ buyers for 2 M tickets", "Nginxes", "nodes", "what breaks first", "sold after"}, rows)
}

func escrowTable(c Costs) string {
	var rows [][]string
	for _, tickets := range []int{100, 1000, 10_000} {
		for _, of := range []struct {
			masters int
			escrow  Escrow
		}{{1, Apart}, {8, Apart}, {8, Borrow}, {8, Level}} {
			s := crowd(c, of.masters, of.escrow, tickets, 2)
			s.Buyers, s.Returns = tickets*21/20, tickets/10
			r := s.Run()
			rows = append(rows, []string{Short(float64(tickets)), fmt.Sprint(of.masters), string(of.escrow), fmt.Sprint(r.Refused), fmt.Sprint(r.Unsold), fmt.Sprint(r.Transfers)})
		}
	}
	return markdown([]string{"tickets", "masters", "stock between masters", "refused, though another had stock", "unsold in the end", "transfers"}, rows)
}

func TestNginxHasTheBoundsThatAreComputedWith(t *testing.T) {
	for file, lines := range map[string][]string{
		"nginx.conf":     {fmt.Sprintf("worker_connections %d;", edgeConnections), "worker_processes auto;"},
		"keepalive.conf": {fmt.Sprintf("keepalive %d;", edgeUpstream)},
		"client.conf":    {fmt.Sprintf("keepalive_timeout %d", int(edgeKeepAlive/time.Second)) + "s;"},
	} {
		has(t, "nginx/"+file, lines...)
	}
	has(t, "docs/operations.md", "4,096 for each processor")
}

func TestDocumentedCostsAreInTheirPages(t *testing.T) {
	for _, d := range documented {
		has(t, d.source, d.quote)
	}
}

func has(t *testing.T, file string, quotes ...string) {
	t.Helper()
	raw, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quotes {
		if !strings.Contains(string(raw), q) {
			t.Errorf("%s has no %q, which the costs are from", file, q)
		}
	}
}
