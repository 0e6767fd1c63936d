package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

func TestDevSellsInOneProcess(t *testing.T) {
	testDev(t, "without a ledger: orders live\nin that memory only", []string{"a01", "n001", "n002", "n003"}, []string{
		`demo\W+redis\W+300\W+0\W+298\W+2\W+300\W+8\W+4`, `FAULTS\W+0`,
	})
}

// What the ledger has committed by then is a matter of milliseconds. The audit checks that
// nothing is lost in between.
func TestDevSellsWithRealProcesses(t *testing.T) {
	testDev(t, "Real processes, all on this machine.", []string{"a01", "l01", "n001", "n002", "n003"}, []string{
		`demo\W+redis\W+300\W+0\W+298\W+2\W+300\W+8\W+4`, `demo\W+ledger\W+300\W+\d`, `demo\W+flight\W+\d`, `FAULTS\W+0`,
	}, "--real")
}

// testDev does what a user does with the site: reads the greeting, buys, pays,
// has others buy the rest, and presses Ctrl-C. It wants the site's own description, its
// members, and rows of the audit that match.
func testDev(t *testing.T, honesty string, members, rows []string, flags ...string) {
	keys := keysIn(t)
	s := begin(t, append([]string{"dev", "--port", "0", "--keys", keys}, flags...)...)
	greeting := s.until(t, "Ctrl-C")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience}
	defer client.CloseIdleConnections()
	pasted := parseCurl(t, greeting)

	var order string
	t.Run("the printed command buys a ticket", func(t *testing.T) {
		var answer *http.Response
		if answer, order = pasted.send(t, client); answer.StatusCode != http.StatusCreated {
			t.Errorf("got %s, want 201", answer.Status)
		}
	})
	t.Run("pasted again, it has bought one ticket", func(t *testing.T) {
		answer, _ := pasted.send(t, client)
		if replayed := answer.Header.Get("Idempotent-Replayed"); answer.StatusCode != http.StatusOK || replayed != "true" {
			t.Errorf("got %s, replayed %q, want 200, replayed true", answer.Status, replayed)
		}
	})
	tokens := func(count string) []string {
		t.Helper()
		out, err := finished(t, "token", "--buyers", count, "--keys", keys)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(out)
	}
	t.Run("the page's address comes first", func(t *testing.T) { testPage(t, client, greeting) })
	t.Run("the printed provider", func(t *testing.T) { testProvider(t, client, greeting, order) })
	t.Run("the printed pay command", func(t *testing.T) {
		testPay(t, greeting, pasted.as(t, client, tokens("1")[0]))
	})
	t.Run("other buyers get the rest, to the ticket", func(t *testing.T) {
		if got := pasted.sendAll(t, client, tokens("340")[1:]); got != 298 {
			t.Errorf("got %d sold, want 298", got)
		}
	})
	t.Run("the admin API knows the sale, for who has the token", func(t *testing.T) {
		found := regexp.MustCompile(`(?m)^admin +curl -H '(\S+): ([^']+)' (\S+)$`).FindStringSubmatch(greeting)
		if found == nil {
			t.Fatalf("got no admin command in:\n%s", greeting)
		}
		var status struct{ Held, Paid, Remaining int }
		get(t, client, found[3], &status, found[1], found[2])
		if status.Held != 298 || status.Paid != 2 || status.Remaining != 0 {
			t.Errorf("got %+v, want 298 held, 2 paid and 0 remaining", status)
		}
	})
	t.Run("the printed verb shows the sale", func(t *testing.T) { testOperate(t, greeting) })
	t.Run("every member has metrics", func(t *testing.T) {
		var found []string
		for _, m := range regexp.MustCompile(`(?m)^metrics +(\S+) +(\w+)$`).FindAllStringSubmatch(greeting, -1) {
			get(t, client, m[1], nil)
			found = append(found, m[2])
		}
		if diff := cmp.Diff(members, found); diff != "" {
			t.Errorf("members with metrics (-want +got):\n%s", diff)
		}
	})
	t.Run("the printed audit finds the stores", func(t *testing.T) {
		found := regexp.MustCompile(`(?m)^audit +go run ./cmd/onsale (.+)$`).FindStringSubmatch(greeting)
		if found == nil {
			t.Fatalf("got no audit command in:\n%s", greeting)
		}
		out, err := finished(t, strings.Fields(strings.ReplaceAll(found[1], `"`, ""))...)
		if err != nil || !regexp.MustCompile(`\bdemo\W+redis\W+300\W+0\W+298\W+2\b`).MatchString(out) || strings.Contains(out, "ledger") != slices.Contains(flags, "--real") {
			t.Errorf("got %v and:\n%s\nwant all that was sold, beside the ledger where there is one", err, out)
		}
	})
	t.Run("the greeting describes the site", func(t *testing.T) {
		if !strings.Contains(greeting, honesty) || strings.Contains(greeting, "no PostgreSQL") {
			t.Errorf("got:\n%s\nwant %q, and no mention of a missing PostgreSQL", greeting, honesty)
		}
	})
	t.Run("Ctrl-C drains and prints a clean audit", func(t *testing.T) {
		printed, err := s.end()
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		for _, want := range rows { // sale, where, total, remaining, held, paid, orders, payments, refunds due
			if !regexp.MustCompile(`\b` + want + `\b`).MatchString(printed) {
				t.Errorf("got:\n%s\nwant a row that matches %s", printed, want)
			}
		}
		if _, err := os.Stat(storesBeside(keys)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want the file with the stores' settings removed", err)
		}
		if _, err := os.Stat(siteBeside(keys)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v for the file of the site, want it removed", err)
		}
		if _, err := net.Dial("tcp", strings.TrimPrefix(pasted.host, "http://")); err == nil {
			t.Errorf("got a connection to %s, want the port free again", pasted.host)
		}
	})
}

func TestDevIsWhatItsFlagsAskForAndNoMore(t *testing.T) {
	s := begin(t, "dev", "--port", "0", "--keys", keysIn(t), "--nodes", "1", "--tickets", "7")
	greeting := s.until(t, "Ctrl-C")
	if got := strings.Count(greeting, "\nmetrics"); got != 2 {
		t.Errorf("got %d members, want a node and an allocator", got)
	}
	printed, err := s.end()
	if got, want := s.errors.String(), "\ndraining; Ctrl-C again ends at once\n"; got != want {
		t.Errorf("got on standard error:\n%s\nwant:\n%s", got, want)
	}
	if want := `\bdemo\W+redis\W+7\W+7\W+0\W`; err != nil || !regexp.MustCompile(want).MatchString(printed) {
		t.Errorf("got %v and:\n%s\nwant a row that matches %s", err, printed, want)
	}
}

func TestDevThatCanNotStart(t *testing.T) {
	for _, mode := range [][]string{{}, {"--real"}} {
		t.Run(fmt.Sprint("names a port that is taken, and the way out ", mode), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
			_, err = finished(t, append([]string{"dev", "--port", port, "--keys", keysIn(t)}, mode...)...)
			if err == nil || !strings.Contains(err.Error(), port) || !strings.Contains(err.Error(), "--port 0") {
				t.Errorf("got error %v, want one that names port %s and --port 0", err, port)
			}
		})
	}
	t.Run("names the package of a program that is missing", func(t *testing.T) {
		t.Setenv("PATH", "")
		_, err := finished(t, "dev", "--real", "--port", "0", "--keys", keysIn(t))
		if err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want one line with apt-get install redis-server", err)
		}
	})
	t.Run("needs no program without --real", func(t *testing.T) {
		t.Setenv("PATH", "")
		s := begin(t, "dev", "--port", "0", "--keys", keysIn(t))
		s.until(t, "Ctrl-C")
		if _, err := s.end(); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	})
	t.Run("reports every fault of its flags", func(t *testing.T) {
		_, err := finished(t, "dev", "--nodes", "0", "--tickets", "0")
		for _, flag := range []string{"--nodes", "--tickets"} {
			if err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("got error %v, want one that names %s", err, flag)
			}
		}
	})
	t.Run("reports an interruption before it is up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := run(ctx, []string{"dev", "--port", "0", "--keys", keysIn(t)}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("got error %v, want one of an interruption", err)
		}
	})
}

func TestTheToolIsSpelledAsItWasStarted(t *testing.T) {
	for arg0, want := range map[string]string{
		"onsale": "onsale", "bin/onsale": "bin/onsale", "/opt/my tools/onsale": `"/opt/my tools/onsale"`,
		"/tmp/go-build42/b001/exe/onsale": "go run ./cmd/onsale", "/root/.cache/go-build/ab/abcd-d/onsale": "go run ./cmd/onsale",
	} {
		if got := spelled(arg0); got != want {
			t.Errorf("%s: got %s, want %s", arg0, got, want)
		}
	}
}

func TestDevWithoutPostgreSQLReportsIt(t *testing.T) {
	site := realSite{&testbed.Site{Redis: new(process.Redis), Nginx: new(process.Nginx), Allocators: []*testbed.Member{{}}}}
	const missing = "There is no PostgreSQL here, so orders live in Redis only."
	if got := site.about(); !strings.HasSuffix(got.honesty, missing) || got.stores.Database.URL != "" {
		t.Errorf("got %q and the database %q, want %q and none", got.honesty, got.stores.Database.URL, missing)
	}
}
