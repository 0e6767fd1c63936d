package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// TestAUserWithoutXADDSellsNoTicketTwice: the script wrote orders and failed before it
// took their stock away, so that each of twenty buyers had the one ticket.
func TestAUserWithoutXADDSellsNoTicketTwice(t *testing.T) {
	const buyers = 20
	ctx := context.Background()
	r := processtest.Redis(t)
	admin, client := newStore(t, r.Addr(), "admin")
	for _, right := range []string{"xadd", "zadd", "setrange"} {
		t.Run(right, func(t *testing.T) {
			id := sale.ID("without-" + right)
			open(t, admin, newSale(string(id), 1))
			if err := client.Do(ctx, "acl", "setuser", right, "on", ">secret", "~*", "+@all", "-"+right).Err(); err != nil {
				t.Fatal(err)
			}
			s := newer(t, r.Addr(), func(c *remotestock.Config) {
				c.Username, c.Password, c.TripAfter, c.Patience = right, "secret", 1000, 300*time.Millisecond
			})
			c := committer(t, s, id)

			first := claim("first", 1)
			_, err := c.DecideBatch([]sale.Claim{first})
			if !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "TORN") {
				t.Errorf("got %v, want it unknown and torn", err)
			}
			var mu sync.Mutex
			holds := map[sale.OrderID]bool{}
			var group sync.WaitGroup
			for i := range buyers {
				group.Go(func() {
					mine := first
					if i > 0 {
						mine = claim(fmt.Sprint("buyer-", i), 1)
					}
					got, err := c.Decide(mine)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && (got.Outcome == sale.Held || got.Outcome == sale.Replayed):
						holds[got.Order.ID] = true
					case err == nil && got.Outcome != sale.SoldOut, err != nil && !errors.Is(err, sale.ErrUnknown):
						t.Errorf("got %v, %v, want a hold, sold-out or ErrUnknown", got.Outcome, err)
					}
				})
			}
			group.Wait()
			if len(holds) > 1 {
				t.Errorf("got %d orders of one ticket", len(holds))
			}
			snapshot, err := admin.Snapshot(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if c := snapshot.Counters; c.Remaining != 0 || c.Held != 1 || len(snapshot.Orders) > 1 {
				t.Errorf("got the books %+v and %d orders, want the stock taken away before anything else", c, len(snapshot.Orders))
			}
		})
	}
}

// TestAUserWithoutTheRightToTrimWritesNothing: what a script needs after its first write
// is tried before it.
func TestAUserWithoutTheRightToTrimWritesNothing(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	admin, client := newStore(t, r.Addr(), "admin")
	order := overdueSale(t, admin, client, "s")
	for _, right := range []string{"lrange", "hget", "hmget", "zcard", "xlen", "strlen", "hlen"} {
		if err := client.Do(ctx, "acl", "setuser", right, "on", ">secret", "~*", "+@all", "-"+right).Err(); err != nil {
			t.Fatal(err)
		}
		s := newer(t, r.Addr(), func(c *remotestock.Config) {
			c.Username, c.Password, c.TripAfter, c.Patience = right, "secret", 1000, 200*time.Millisecond
		})
		before := dump(t, client)
		if _, _, err := s.Cancel(ctx, "s", 0, order, "ann"); err == nil || strings.Contains(err.Error(), "TORN") {
			t.Errorf("cancel without %s: got %v, want it refused before its first write", right, err)
		}
		if _, _, _, err := s.Expire(ctx, "s", 0, 10); err == nil || strings.Contains(err.Error(), "TORN") {
			t.Errorf("expire without %s: got %v, want it refused before its first write", right, err)
		}
		wantUnchanged(t, client, before)
	}
}

// The rights that are asked for are those that scripts use: a command that was missing there was found out in the middle of a sale.
func TestTheRightsAreThoseThatScriptsUse(t *testing.T) {
	files, err := filepath.Glob("../../lua/*.lua")
	if err != nil || len(files) < 20 {
		t.Fatalf("got the scripts %q, %v", files, err)
	}
	// What is in capitals and no command.
	words := []string{"COUNT", "LIMIT", "MAXLEN", "PX", "WITHSCORES", "NOPERM"}
	used, tried := map[string]bool{}, map[string]bool{}
	quoted := regexp.MustCompile(`'([A-Z]{2,})'`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		into := used
		if filepath.Base(file) == "rights.lua" {
			into = tried
		}
		for line := range strings.Lines(string(text)) {
			code, _, _ := strings.Cut(line, "--")
			for _, m := range quoted.FindAllStringSubmatch(code, -1) {
				if !slices.Contains(words, m[1]) {
					into[strings.ToLower(m[1])] = true
				}
			}
		}
	}
	want := slices.Sorted(slices.Values(remotestock.InScripts))
	for what, got := range map[string]map[string]bool{"use": used, "rights.lua tries": tried} {
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("the commands that scripts are given, and those that they %s (-want +got):\n%s", what, diff)
		}
	}
}

// What operators are asked to give is what the programs need.
func TestTheRightsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(remotestock.Rights(""), " "); !strings.Contains(string(page), want) {
		t.Errorf("docs/operations.md has no line with %s", want)
	}
}
