package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"onsale/internal/adminapi"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// shellWords has a shell take a command apart.
func shellWords(t *testing.T, command string) ([]string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+command).Output()
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), err
}

// testOperating runs verbs against the allocator of a real site.
func testOperating(t *testing.T, r *records) {
	token := filepath.Join(r.Dir, "admin-token")
	t.Setenv("ONSALE_ADMIN_ADDR", r.Allocators[0].Admin)
	t.Setenv("ONSALE_ADMIN_TOKEN_FILE", token)
	// want runs a verb and wants this status, and texts that match in what it prints.
	want := func(t *testing.T, status int, args []string, matches ...string) string {
		t.Helper()
		out, errs, err := verb(args...)
		printed := out + errs
		if err != nil {
			printed += err.Error()
		}
		if got := exitStatus(err); got != status {
			t.Fatalf("onsale %s: got %d and:\n%s\nwant %d", strings.Join(args, " "), got, printed, status)
		}
		for _, m := range matches {
			if !regexp.MustCompile(m).MatchString(printed) {
				t.Errorf("onsale %s: got:\n%s\nwant a match of %s", strings.Join(args, " "), printed, m)
			}
		}
		return out
	}
	t.Run("with nothing there", func(t *testing.T) {
		want(t, exitDone, []string{"refund", "list", "other"}, "there is no such payment")
		want(t, exitDone, []string{"orphan", "list"}, "there is no such payment")
		if out := want(t, exitDone, []string{"orphan", "list", "--json"}); out != "" {
			t.Errorf("got %q as JSON, want no line", out)
		}
	})
	t.Run("the manual's examples", func(t *testing.T) { testManual(t, r) })
	t.Run("all parts of the site", func(t *testing.T) {
		await.Until(t, "every part listed", func() bool {
			out, _, err := verb("node", "list")
			for _, m := range []string{`node .* selling`, `allocator .* leading`, `nginx .* current .* since 2`, `ledger .* recording .* wrote 2`} {
				if err != nil || !regexp.MustCompile(m).MatchString(out) {
					return false
				}
			}
			return true
		})
	})
	t.Run("odd titles and buyers", func(t *testing.T) {
		title := "\x1b[2J Zoë & Ann <\"生命\">\n" + strings.Repeat("long ", 20)
		want(t, exitDone, []string{"sale", "create", "odd", "--title", title, "--currency", "EUR", "--price", "100", "--total", "5", "--opens-at", "2020-01-01T00:00:00+01:00"},
			"created", `2019-12-31T23:00:00Z \(\d+y \d+d ago\)`, `100 EUR in the minor unit`)
		if err := r.AwaitSale(r.ctx, "odd"); err != nil {
			t.Fatal(err)
		}
		order := r.hold(t, "odd", "ann \u009b31m\u202e/..%2F", 1)
		t.Setenv("COLUMNS", "80")
		for _, args := range [][]string{{"sale", "list"}, {"sale", "show", "odd"}, {"order", "show", "odd", order}, {"refund", "list", "demo"}, {"node", "list"}} {
			out := want(t, exitDone, args)
			if strings.ContainsAny(out, "\x1b\u009b\u202e") {
				t.Errorf("got %q", out)
			}
			for line := range strings.Lines(out) {
				if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("onsale %s: got %d columns:\n%s", strings.Join(args, " "), n, out)
				}
			}
		}
		var s adminapi.Status
		if out := want(t, exitDone, []string{"sale", "show", "odd", "--json"}); json.Unmarshal([]byte(out), &s) != nil || s.Title != title || s.Held != 1 {
			t.Errorf("got %+v, want the title and one hold as JSON", s)
		}
	})
	t.Run("is refused as the API refuses", func(t *testing.T) {
		want(t, exitFailed, []string{"sale", "create", "Odd", "--price=-1"}, "422 invalid-request", `sale id "Odd"`, "price -1", "currency", "total is missing")
		want(t, exitFailed, []string{"sale", "create", "odd", "--title", "Other", "--currency", "EUR", "--total", "5"}, "409 conflict")
		want(t, exitFailed, []string{"sale", "change", "odd"}, "name what is to change")
		want(t, exitFailed, []string{"sale", "restock", "odd", "--delta=0"}, "other than 0")
		want(t, exitFailed, []string{"sale", "show", "no-such-sale"}, "404 sale-unknown")
		want(t, exitFailed, []string{"sale", "show", "../nodes"}, "422 invalid-request")
		want(t, exitFailed, []string{"order", "show", "odd", "no such order"}, "404 order-unknown")
		want(t, exitFailed, []string{"order", "refund", "odd", r.hold(t, "odd", "bob", 1)}, "409 conflict")
		want(t, exitFailed, []string{"refund", "list", "odd", "--state", "lost"}, "want due, settled or applied")
		want(t, exitFailed, []string{"refund", "settle", "odd", ".."}, "404 payment-unknown")
		want(t, exitFailed, []string{"orphan", "settle", "pay/none"}, "404 payment-unknown")
	})
	t.Run("nodes are drained and weighed", func(t *testing.T) {
		want(t, exitFailed, []string{"node", "drain", "n004"}, "404 node-unknown", `"n004"; known are n001`)
		want(t, exitFailed, []string{"node", "drain", "n001"}, "409 conflict", "no other node sells than n001")
		want(t, exitDone, []string{"node", "drain", "n001", "--force", "--wait"}, `state\W+drained, idle`)
		want(t, exitDone, []string{"node", "list"}, `n001\W.*drained, idle`)
		want(t, exitFailed, []string{"node", "weight", "n001", "1000001"}, "422 invalid-request", "want 1 to 1000000")
		want(t, exitDone, []string{"node", "weight", "n001", "3"}, `weight\W+3 \(set\)`)
		want(t, exitDone, []string{"node", "undrain", "n001"}, `state\W+selling`)
		want(t, exitDone, []string{"node", "weight", "n001", "--own"})
		await.Until(t, "the node has its own weight again", func() bool {
			return regexp.MustCompile(`n001\W.*\W1\W+selling`).MatchString(want(t, exitDone, []string{"node", "list"}))
		})
		if _, _, err := process.Fetch("http://" + r.Nodes[0].Listen + "/v1/sales/odd"); err != nil { // a request that may be under way for seconds
			t.Fatal(err)
		}
		failed := want(t, exitFailed, []string{"node", "drain", "n001", "--force", "--wait", "--within", "200ms"}, "buyers still ask the node")
		if failed != "" {
			t.Errorf("got %q on standard output, want none", failed)
		}
		want(t, exitDone, []string{"node", "undrain", "n001", "--json"}, `"drained": false`)
	})
	t.Run("with a wrong token", func(t *testing.T) {
		wrong := filepath.Join(t.TempDir(), "wrong")
		if err := os.WriteFile(wrong, []byte("another token of another site"), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, exitFailed, []string{"sale", "list", "--admin-token-file", wrong}, "401 unauthorized", regexp.QuoteMeta(wrong))
		want(t, exitUsage, []string{"sale", "list", "--admin-token-file", wrong + ".none"}, "no such file")
	})
	t.Run("with an allocator that is away", func(t *testing.T) {
		want(t, exitFailed, []string{"sale", "close", "odd", "--admin-addr", "127.0.0.1:1"}, "127.0.0.1:1 can't be reached")
		want(t, exitDone, []string{"sale", "show", "odd", "--admin-addr", "127.0.0.1:1," + r.Allocators[0].Admin}, "on sale")
		want(t, exitUsage, []string{"sale", "show", "odd", "--admin-addr", "10.0.0.4"}, "want host:port")
	})
	t.Run("lists end at their limit", func(t *testing.T) {
		out := want(t, exitDone, []string{"sale", "list", "--limit", "2", "--json"})
		if got := strings.Count(out, "\n"); got != 2 || strings.Count(out, `"remaining"`) != 2 {
			t.Errorf("got:\n%s\nwant two lines", out)
		}
	})
	t.Run("what a node remembers", func(t *testing.T) {
		want(t, exitDone, []string{"node", "holds", "odd", r.Nodes[0].Admin}, `node +│ n001`, `bob`)
	})
}

// testManual runs the examples of docs/cli.md as they stand, one after the other. ORDER is an order that is paid.
func testManual(t *testing.T, r *records) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(string(page))
	if examples == nil {
		t.Fatal("docs/cli.md has no examples")
	}
	order := ""
	for line := range strings.Lines(examples[1]) {
		args, err := shellWords(t, line)
		if err != nil || args[0] != "onsale" {
			t.Fatalf("got %q, %v, want a command", line, err)
		}
		for i, arg := range args {
			if arg == "ORDER" && order == "" {
				await.Until(t, "concert sells", func() bool { // nodes know within a second that it was reopened
					status, text := r.buy(t, "concert", "ann", 2)
					if status/100 == 2 {
						order = idOf(t, text)
					}
					return order != ""
				})
				r.mustPay(t, "concert", order, 2)
			}
			args[i] = strings.NewReplacer("ORDER", order, "127.0.0.1:9081", r.Nodes[0].Admin).Replace(arg)
		}
		if out, errs, err := verb(args[1:]...); err != nil {
			t.Errorf("%sgot %v and:\n%s%s", line, err, out, errs)
		}
	}
}
