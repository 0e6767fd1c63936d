package remotestock_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// lined is a sale with a line; with a draw, one that is due at that time.
func lined(id sale.ID, draw sale.Instant) sale.Sale {
	d := newSale(string(id), 100)
	d.Admission, d.LineRate, d.LineLimit, d.DrawAt = sale.AdmitLine, 100, 1000, draw
	if draw != 0 {
		d.Opens, d.Beacon = draw.Add(sale.DrawBefore), "drand quicknet 7"
	}
	return d
}

func TestASaleWithALineHasSecretsOfItsOwn(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("line", 4_000_000_000_000)
	open(t, s, d)
	got, reading, err := s.Read(ctx, d.ID, 0)
	if err != nil || len(got.LineSecret) != 64 || len(got.LineSeed) != 64 || got.LineSecret == got.LineSeed {
		t.Fatalf("got %d and %d digits, %v, want two secrets of 64", len(got.LineSecret), len(got.LineSeed), err)
	}
	if diff := cmp.Diff(&sale.Line{}, reading.Line); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	if created, err := s.Open(ctx, d); err != nil || created {
		t.Errorf("the same definition again: got %v, %v, want it there already", created, err)
	}
	if again, _, err := s.Read(ctx, d.ID, 0); err != nil || again != got {
		t.Errorf("got another sale after that, %v, want the first one's secrets", err)
	}
	t.Run("others have none", func(t *testing.T) {
		open(t, s, newSale("plain", 1))
		got, reading, err := s.Read(ctx, "plain", 0)
		if err != nil || got.LineSecret != "" || got.LineSeed != "" || reading.Line != nil {
			t.Errorf("got %q, %q, %v, %v, want none", string(got.LineSecret), string(got.LineSeed), reading.Line, err)
		}
	})
	t.Run("and without a draw it is over from the first", func(t *testing.T) {
		open(t, s, lined("undrawn", 0))
		_, reading, err := s.Read(ctx, "undrawn", 0)
		if diff := cmp.Diff(&sale.Line{Over: true}, reading.Line); err != nil || diff != "" {
			t.Errorf("got %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("the archive takes the line along", func(t *testing.T) {
		k := remotestock.Keys("undrawn")
		client.HSet(ctx, k[12], "alice", "1")
		client.HSet(ctx, k[13], "n", "1")
		if err := s.SetClosed(ctx, "undrawn", true); err != nil {
			t.Fatal(err)
		}
		p, err := s.Page(ctx, "undrawn", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		client.Del(ctx, k[5]) // as a ledger leaves it
		if err := s.Archive(ctx, "undrawn", p.Chain.Seq); err != nil {
			t.Fatal(err)
		}
		if n := client.Exists(ctx, k...).Val(); n != 0 {
			t.Errorf("got %d of the sale's keys, want none", n)
		}
	})
}

// TestAReconciliationKeepsTheLine: places are in no record that is reconciled.
func TestAReconciliationKeepsTheLine(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	open(t, s, lined("kept", 0))
	k := remotestock.Keys("kept")
	client.HSet(ctx, k[12], "alice", "d", "bob", "7")
	client.HSet(ctx, k[13], "n", "1")
	client.HSet(ctx, k[0], "joined", "10", "drawn", "3", "turn", "7", "front", "5", "front_at", "42")
	before := wantClean(t, s, "kept")
	if err := s.Shut(ctx, "kept", "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, before, false)
	got, reading, err := s.Read(ctx, "kept", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &sale.Line{Joined: 10, Drawn: 3, Over: true, Turn: 7, Front: 5, FrontAt: 42}
	if diff := cmp.Diff(want, reading.Line); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	if got.LineSeed != before.Sale.LineSeed || got.LineSeed == "" {
		t.Error("got another seed, want the one that was committed to")
	}
	places := client.HGetAll(ctx, k[12]).Val()
	if diff := cmp.Diff(map[string]string{"alice": "d", "bob": "7"}, places); diff != "" || client.HLen(ctx, k[13]).Val() != 1 {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}
