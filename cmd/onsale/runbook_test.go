package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// walk is one section of docs/runbook/recovery.md: its title and the commands under it.
type walk struct {
	title    string
	commands [][]string
}

// walks reads the page. Only sections with commands are walks.
func walks(t *testing.T) map[string]walk {
	t.Helper()
	page, err := os.ReadFile("../../docs/runbook/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]walk{}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		w := walk{title: title}
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(body, -1) {
			for line := range strings.Lines(block[1]) {
				if fields := strings.Fields(line); len(fields) > 0 && fields[0] == "onsale" {
					w.commands = append(w.commands, fields[1:])
				}
			}
		}
		if len(w.commands) > 0 {
			found[title] = w
		}
	}
	return found
}

// damages are what is done before each section's commands. They sell, note every
// acknowledged order in orders, and damage a record.
var damages = map[string]func(t *testing.T, d *damaged, id string, orders map[string]string){
	"Redis came back empty": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		d.sell(t, id, "bob", 3, orders) // the nodes alone remember these
		d.lose(t, id)
		resume()
	},
	"Redis came back older": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.keys(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		restore()
	},
	"Redis went back and sold on": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		restore := d.keys(t, id)
		d.sell(t, id, "bob", 3, orders)
		resume()
		d.committed(t, id)
		resume = d.pauseLedger(t)
		restore()
		// Nobody who has seen the first history asks: another program sells.
		other := remotestock.New(d.redis, "other", d.StoreConfig(), remotestock.Hooks{}, zap.NewNop())
		c := other.Committer(sale.ID(id), remotestock.NoWatcher, remotestock.DefaultCommitConfig())
		for i := range 2 {
			got, err := c.Decide(sale.Claim{
				Order: sale.OrderID(fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a80%02d", i)), Buyer: sale.Buyer(fmt.Sprint("bob", i)), Quantity: 1,
				Deadline: sale.Instant(time.Now().Add(5 * time.Second).UnixMilli()),
			})
			if err != nil || got.Outcome != sale.Held {
				t.Fatalf("got %v, %v, want a hold in the other history", got.Outcome, err)
			}
		}
		resume()
	},
	"Events were lost": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		d.sell(t, id, "bob", 3, orders)
		if err := d.redis.XTrimMaxLen(d.ctx, "{"+id+"}:events", 1).Err(); err != nil {
			t.Fatal(err)
		}
		resume()
	},
	"The database is empty": func(t *testing.T, d *damaged, id string, _ map[string]string) {
		d.exec(t, "DELETE FROM orders WHERE sale = '"+id+"'", "DELETE FROM sales WHERE id = '"+id+"'")
	},
	"The database is older": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.rows(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		restore()
	},
	"Both are damaged": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.rows(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		resume := d.pauseLedger(t)
		d.sell(t, id, "cid", 3, orders)
		d.lose(t, id)
		restore()
		resume()
	},
	"The counters do not add up": func(t *testing.T, d *damaged, id string, _ map[string]string) {
		if err := d.redis.HIncrBy(d.ctx, "{"+id+"}", "remaining", 1).Err(); err != nil {
			t.Fatal(err)
		}
	},
	"A failover without replicas to wait for": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		restore := d.keys(t, id) // what the replica has
		d.sell(t, id, "bob", 3, orders)
		restore()
		resume()
	},
	"The sale was written by an earlier version": func(t *testing.T, d *damaged, id string, _ map[string]string) {
		v, err := d.store.Snapshot(d.ctx, sale.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		// Today's programs have seen today's sale: as the runbook demands, those of the earlier version
		// are stopped first, and the ones that start then know nothing of it.
		programs := slices.Concat(d.Nodes, d.Allocators, d.Ledgers)
		for _, p := range programs {
			if err := p.Stop(20 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		d.lose(t, id)
		d.writeFormer(t, v)
		d.store = remotestock.New(d.redis, "test", d.StoreConfig(), remotestock.Hooks{}, zap.NewNop())
		d.exec(t, "UPDATE sales SET life = '', epoch = 0, seq = 0, link = '' WHERE id = '"+id+"'")
		for _, p := range programs {
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.AwaitUpstream(d.ctx, len(d.Nodes)); err != nil {
			t.Fatal(err)
		}
	},
}

// Each section of the runbook is followed to the letter on a real site.
func TestTheRunbookRecovers(t *testing.T) {
	d := startDamaged(t)
	pages := walks(t)
	for title := range pages {
		if damages[title] == nil {
			t.Errorf("the section %q has commands, and no test does its damage", title)
		}
	}
	n := 0
	for title, damage := range damages {
		w, known := pages[title]
		if !known {
			t.Errorf("the runbook has no section %q", title)
			continue
		}
		n++
		id := fmt.Sprintf("walk-%d", n)
		t.Run(title, func(t *testing.T) { d.follow(t, w, id, damage) })
	}
}

func (d *damaged) follow(t *testing.T, w walk, id string, damage func(*testing.T, *damaged, string, map[string]string)) {
	orders := map[string]string{}
	d.open(t, strings.ReplaceAll(id, "-", ""), 20)
	id = strings.ReplaceAll(id, "-", "")
	d.sell(t, id, "ann", 4, orders)
	d.committed(t, id)
	damage(t, d, id, orders)
	await.Until(t, "the loss is noticed", func() bool {
		p, err := d.store.Page(d.ctx, sale.ID(id), "", 0)
		v, serr := d.store.Survey(d.ctx, sale.ID(id)) // reads the counters as they are, as the alert does
		return err != nil || serr != nil || p.Lost != "" || v.Counters.Remaining+v.Counters.Held+v.Counters.Paid != v.Counters.Total
	})
	for _, command := range w.commands {
		args := make([]string, len(command))
		for i, arg := range command {
			args[i] = strings.ReplaceAll(arg, "concert", id)
		}
		var out, errs bytes.Buffer
		if err := run(d.ctx, args, &out, &errs); err != nil && !(args[0] == "audit" && len(args) == 0) {
			t.Fatalf("onsale %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
		}
	}
	d.committed(t, id)
	await.Until(t, "the sale sells on", func() bool { return d.buy(t, id, "zoe") != "" })
	d.committed(t, id)
	a, err := operate.Audit(d.ctx, d.Stores(), sale.ID(id), 0, zap.NewNop())
	if err != nil || len(a.Faults) > 0 {
		t.Fatalf("audit: %q, %v", a.Faults, err)
	}
	for buyer, order := range orders {
		if got := a.Buyers[sale.Buyer(buyer)]; got != sale.OrderID(order) {
			t.Errorf("%s: got the live order %q, want the acknowledged %s", buyer, got, order)
		}
	}
}
