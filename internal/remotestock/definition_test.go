package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// recorded is the definition of which testdata/definition-c6403fa.txt is the record.
var recorded = sale.Sale{
	ID: "spring-vouchers", Title: "Gutschein \xff\x00é \"A\"", Kind: sale.Voucher, Price: 7500, Currency: "EUR", FaceValue: 10_000,
	Rules: "Once.\n<Только> раз", Total: 100, Opens: 1_700_000_000_123, Closes: 1_800_000_000_456, Limit: 4,
	HoldFor: 90*time.Second + 250*time.Millisecond, Closed: true,
}

// record reads the sale's hash and the first entry of its stream, as the version of
// commit c6403fa wrote them for a sale of 100 tickets that was restocked by 20.
func record(t *testing.T) (hash, entry []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/definition-c6403fa.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var key, name, value string
		if _, err := fmt.Sscanf(line, "%s %q %q", &key, &name, &value); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if key == "hash" {
			hash = append(hash, name, value)
		} else {
			entry = append(entry, name, value)
		}
	}
	return hash, entry
}

// TestASaleOfAnotherLayoutIsRefused: scripts that took it for theirs would sell without
// a chain of events. Anyone who asks is sent to the way to migrate.
func TestASaleOfAnotherLayoutIsRefused(t *testing.T) {
	for name, addr := range map[string]string{"a real Redis": processtest.Redis(t).Addr(), "the embedded one": miniredis.RunT(t).Addr()} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			s, client := newStore(t, addr, "n1", func(c *remotestock.Config) { c.Call = 10 * time.Second })
			hash, entry := record(t)
			keys := remotestock.Keys(recorded.ID)
			client.HSet(ctx, keys[0], hash)
			client.Do(ctx, append([]any{"XADD", keys[5], "*"}, anys(entry)...)...)
			before := client.HGetAll(ctx, keys[0]).Val()

			errs := map[string]error{}
			_, _, errs["read"] = s.Read(ctx, recorded.ID, 0)
			_, errs["survey"] = s.Survey(ctx, recorded.ID)
			_, errs["snapshot"] = s.Snapshot(ctx, recorded.ID)
			_, errs["page"] = s.Page(ctx, recorded.ID, "", 1)
			_, errs["open"] = s.Open(ctx, recorded)
			_, errs["claim"] = committer(t, s, recorded.ID).Decide(claim("ann", 1))
			errs["close"] = s.SetClosed(ctx, recorded.ID, false)
			for what, err := range errs {
				if !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) || !strings.Contains(err.Error(), "onsale reconcile") {
					t.Errorf("%s: got %v, want ErrUnavailable that names what to do", what, err)
				}
			}
			if diff := cmp.Diff(before, client.HGetAll(ctx, keys[0]).Val()); diff != "" || client.DBSize(ctx).Val() != 2 {
				t.Errorf("got %d keys, want 2 as before; hash (-before +after):\n%s", client.DBSize(ctx).Val(), diff)
			}

			r := sale.NewRecords()
			r.Sale, r.Opened, r.Restocks = recorded, 100, map[string]int64{"spring, second batch": 20}
			a := sale.Adoption{Was: sale.OldLayout, Fence: "f", Records: r, Chain: sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 1}}}
			if err := s.Adopt(ctx, recorded.ID, a); err != nil {
				t.Fatal(err)
			}
			want := recorded
			want.Total = 120
			got, _, err := s.Read(ctx, recorded.ID, 0)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("adopted: got %v (-want +got):\n%s", err, diff)
			}
			if created, err := s.Open(ctx, recorded); err != nil || created {
				t.Errorf("opened again: got %v, %v, want it there already", created, err)
			}
		})
	}
}

func TestAnyOtherFieldIsAnotherDefinition(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, recorded)
	key := remotestock.Keys(recorded.ID)[0]
	intact := client.HGetAll(ctx, key).Val()
	for _, name := range sale.FieldNames() {
		if strings.HasPrefix(name, "line_se") {
			continue // a secret, which each opening makes anew
		}
		client.HSet(ctx, key, name, intact[name]+"0")
		if _, err := s.Open(ctx, recorded); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("another %s: got %v, want ErrConflict", name, err)
		}
		client.HSet(ctx, key, intact)
	}
	again := recorded
	again.Closed = false // an operator's doing, and no part of the definition
	if created, err := s.Open(ctx, again); err != nil || created {
		t.Errorf("the same: got %v, %v, want it there already", created, err)
	}
}

func TestASaleThatLacksAFieldIsUnavailable(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, recorded)
	key := remotestock.Keys(recorded.ID)[0]
	for field, garbage := range map[string]string{"title": "", "currency": "", "price": "many", "face": "1.5"} {
		intact := client.HGet(ctx, key, field).Val()
		if client.HDel(ctx, key, field); garbage != "" {
			client.HSet(ctx, key, field, garbage)
		}
		_, _, err := s.Read(ctx, recorded.ID, 0)
		_, err2 := s.Survey(ctx, recorded.ID)
		for _, err := range []error{err, err2} {
			if !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s %q: got %v, want ErrUnavailable that names it", field, garbage, err)
			}
		}
		client.HSet(ctx, key, field, intact)
	}
}

func TestASubtitleIsKept(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	d := recorded
	d.Subtitle = "Für <zwei>"
	open(t, s, d)
	got, _, err := s.Read(ctx, d.ID, 0)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Errorf("read: got %v (-want +got):\n%s", err, diff)
	}
	snapshot := wantClean(t, s, d.ID)
	if diff := cmp.Diff(d, snapshot.Sale); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&d, snapshot.Stream[0].Opened); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if _, err := s.Open(ctx, recorded); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("opened again without it: got %v, want ErrConflict", err)
	}
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

// TestAnAdoptedSaleKeepsWhatItWasOpenedWith: its total is of now, and has been restocked.
func TestAnAdoptedSaleKeepsWhatItWasOpenedWith(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, recorded)
	if _, err := s.Restock(ctx, recorded.ID, 20, "more"); err != nil {
		t.Fatal(err)
	}
	before := wantClean(t, s, recorded.ID)
	if err := s.Shut(ctx, recorded.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	next := before.Chain
	next.Epoch++
	a := sale.Adoption{Was: sale.ShutAt(before.Chain.Mark), Fence: "f", Records: before.Records, Chain: next}
	if err := s.Adopt(ctx, recorded.ID, a); err != nil {
		t.Fatal(err)
	}
	after := wantClean(t, s, recorded.ID)
	if diff := cmp.Diff(before.Records, after.Records); diff != "" {
		t.Errorf("records (-before +after):\n%s", diff)
	}
	if created, err := s.Open(ctx, recorded); err != nil || created {
		t.Errorf("opened again: got %v, %v, want it there already", created, err)
	}
}
