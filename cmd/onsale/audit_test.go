package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

func TestAudit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := testbed.StartEmbedded(ctx, testbed.EmbeddedOptions{Nodes: 1}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Open(ctx, adminapi.Definition{ID: "s", Title: "S", Currency: "EUR", Price: 4200, Total: 5}); err != nil {
		t.Fatal(err)
	}
	addr := e.Redis().Addrs[0]

	t.Run("of a sale in order is clean", func(t *testing.T) {
		out, err := finished(t, "audit", "s", "--redis-addr", addr)
		if err != nil || !strings.Contains(out, " 5 ") || strings.Contains(out, "fault:") {
			t.Errorf("got %v and:\n%s\nwant its total of 5 and no fault", err, out)
		}
		if strings.Contains(out, "ledger") || strings.Contains(out, "flight") {
			t.Errorf("got:\n%s\nwant no mention of a ledger, which was not named", out)
		}
	})
	t.Run("of every sale goes on after a broken one", func(t *testing.T) {
		for _, id := range []string{"a", "z"} {
			if err := e.Open(ctx, adminapi.Definition{ID: id, Title: "T", Currency: "EUR", Price: 4200, Total: 7}); err != nil {
				t.Fatal(err)
			}
		}
		client, err := remotestock.Dial(remotestock.DefaultConfig(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.HSet(ctx, "{a}", "remaining", 8).Err(); err != nil {
			t.Fatal(err)
		}
		out, err := finished(t, "audit", "--redis-addr", addr)
		if err == nil || !strings.Contains(err.Error(), "audit of a: a promise is broken") || strings.Contains(err.Error(), "audit of s") {
			t.Errorf("got error %v, want one about a, and none about s", err)
		}
		if !regexp.MustCompile(`(?s)\ba\W+redis\W+7\W+8\b.*fault: books.*\bs\W+redis\W+5\b.*\bz\W+redis\W+7\b`).MatchString(out) {
			t.Errorf("got:\n%s\nwant a with its fault, s and z", out)
		}
	})
	t.Run("names what is wrong, and fails", func(t *testing.T) {
		client, err := remotestock.Dial(remotestock.DefaultConfig(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		// An order that is among the live ones, and is not its buyer's.
		if err := client.HSet(ctx, "{s}:orders", "0123456789abcdef", "mallory").Err(); err != nil {
			t.Fatal(err)
		}
		out, err := finished(t, "audit", "s", "--redis-addr", addr)
		if err == nil || !strings.Contains(err.Error(), "faults found: 1") || !strings.Contains(out, `the entry of its buyer "mallory" names another`) {
			t.Errorf("got %v and:\n%s\nwant an error and the fault of mallory", err, out)
		}
	})
	t.Run("of a sale that is not there fails", func(t *testing.T) {
		if _, err := finished(t, "audit", "t", "--redis-addr", addr); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("got %v, want %v", err, sale.ErrNoSale)
		}
	})
	t.Run("of an id that no sale can have is refused", func(t *testing.T) {
		if _, err := finished(t, "audit", "Not A Sale", "--redis-addr", addr); err == nil || !strings.Contains(err.Error(), "sale id") {
			t.Errorf("got %v, want an error about the sale id", err)
		}
	})
	t.Run("without a Redis fails soon", func(t *testing.T) {
		begun := time.Now()
		_, err := finished(t, "audit", "s", "--redis-addr", "127.0.0.1:1")
		if !errors.Is(err, sale.ErrUnavailable) || time.Since(begun) > patience/2 {
			t.Errorf("got %v after %v, want %v soon", err, time.Since(begun), sale.ErrUnavailable)
		}
	})
}
