package remotestock_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/draw"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// due has the draw of a sale be due, and the sale open in a minute and more.
func due(t testing.TB, s *remotestock.Store, id sale.ID, set func(fields ...any)) {
	t.Helper()
	now, err := s.Time(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	set("draw_at", int64(now), "opens", int64(now)+100_000)
}

// undrawn is a sale whose draw is due, with three who have joined, on two stores of other names.
func undrawn(t testing.TB, addr string) (one, two *remotestock.Store, d sale.Sale, set func(fields ...any)) {
	t.Helper()
	one, client := newStore(t, addr, "n1")
	two, _ = newStore(t, addr, "n2")
	d = lined("drawing", 4_000_000_000_000)
	d.LineSecret, d.LineSeed = sale.NewSecret(), sale.NewSecret()
	open(t, one, d)
	j := joiner(t, one, d.ID)
	for _, b := range []sale.Buyer{"ann", "bob", "cem"} {
		wantPlace(t, j, sale.Join{Buyer: b}, sale.Joined, sale.Drawn)
	}
	set = func(fields ...any) { client.HSet(context.Background(), remotestock.Keys(d.ID)[0], fields...) }
	due(t, one, d.ID, set)
	return one, two, d, set
}

// TestAnotherOneGoesOnWithADraw: once the one that froze the line is silent for five seconds.
func TestAnotherOneGoesOnWithADraw(t *testing.T) {
	ctx := context.Background()
	s, other, d, set := undrawn(t, fastRedis(t))
	freeze := func(s *remotestock.Store, want error) {
		t.Helper()
		if _, err := s.Draw(ctx, d.ID, sale.DrawFreeze, ""); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	freeze(s, nil)
	freeze(s, nil)
	freeze(other, sale.ErrDrawing)
	now, err := s.Time(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after int64 // that the first has called
		want  error
	}{{-100_000, nil}, {1000, sale.ErrDrawing}, {5000, nil}} { // of the first: Redis's clock was set back
		set("drawing", fmt.Sprint(int64(now)-c.after, " n1"))
		freeze(other, c.want)
	}
	freeze(s, sale.ErrDrawing) // it comes back
	if l, err := draw.Take(ctx, other, &d, now); err != nil || l.List == "" {
		t.Fatalf("got %+v, %v, want the list", l, err)
	}
	freeze(s, nil) // there is nothing left to do
	v := wantClean(t, s, d.ID)
	if got, err := draw.Take(ctx, s, &d, now); err != nil || got.List != v.Line.List {
		t.Errorf("the first again: got %+v, %v, want the same list", got, err)
	}
}

// TestTwoWhoDrawAtOnceDoNoHarm: what one has published the other finds.
func TestTwoWhoDrawAtOnceDoNoHarm(t *testing.T) {
	ctx := context.Background()
	s, other, d, set := undrawn(t, fastRedis(t))
	done := make(chan error, 2)
	for _, s := range []*remotestock.Store{s, other} {
		go func() {
			for range 10 {
				set("drawing", "") // nobody is known to be at it
				if _, err := draw.Take(ctx, s, &d, d.DrawAt); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	v := wantClean(t, s, d.ID)
	if len(v.Entries) != 3*32 || v.Line.Drawn != 3 || v.Line.List == "" {
		t.Errorf("got %+v and %d bytes of entries, want three drawn", v.Line, len(v.Entries))
	}
	if p, err := s.Page(ctx, d.ID, "", 100); err != nil || strings.Count(fmt.Sprint(p.Events), "list\n") != 1 {
		t.Errorf("got %+v, %v, want one event of the list", p.Events, err)
	}
}

// TestADrawTakesNoMemoryThatIsNotThere: it is taken although Redis is full, and its list is kept later.
func TestADrawTakesNoMemoryThatIsNotThere(t *testing.T) {
	ctx := context.Background()
	addr := processtest.Redis(t, "--appendfsync", "no").Addr()
	s, other, d, _ := undrawn(t, addr)
	client := dial(t, addr, remotestock.DefaultConfig(addr))
	memory := func(bytes string) {
		if err := client.ConfigSet(ctx, "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	memory("1")
	l, err := draw.Take(ctx, s, &d, d.DrawAt)
	if l.List == "" || !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
		t.Errorf("got %+v, %v, want the list published and not kept", l, err)
	}
	if _, missed, err := draw.Compute(ctx, other, &d, &l); err != nil || missed == nil {
		t.Errorf("got %v, %v, want the draw computed and the list not kept", missed, err)
	}
	memory("0")
	if _, missed, err := draw.Compute(ctx, other, &d, &l); err != nil || missed != nil {
		t.Errorf("with memory: got %v, %v, want the list kept", missed, err)
	}
	client.Del(ctx, remotestock.Keys(d.ID)[12]) // the places
	drawn, _, err := draw.Compute(ctx, s, &d, &l)
	if err != nil || drawn.Len() != 3 {
		t.Errorf("without the places: got %v, %v, want three drawn", drawn, err)
	}
}

func TestWhatIsNoPartOfTheListIsNotKept(t *testing.T) {
	ctx := context.Background()
	s, _, d, _ := undrawn(t, fastRedis(t))
	entry := bytes.Repeat([]byte{1}, 32)
	if err := s.KeepEntries(ctx, d.ID, "11", 1, entry); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("before there is a list: got %v, want ErrConflict", err)
	}
	l, err := draw.Take(ctx, s, &d, d.DrawAt)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.KeepEntries(ctx, d.ID, "11", 1, entry); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("of another list: got %v, want ErrConflict", err)
	}
	for part, entries := range map[int][]byte{0: entry, 1: entry[1:], 2: nil} {
		if err := s.KeepEntries(ctx, d.ID, l.List, part, entries); err == nil {
			t.Errorf("part %d of %d bytes: got it kept, want it refused", part, len(entries))
		}
	}
}

// TestPlacesAreEvents: the ledger has them, new ones and those that came back, once each.
func TestPlacesAreEvents(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1", func(c *remotestock.Config) { c.Ledger = true })
	d := lined("joined-events", 0)
	open(t, s, d)
	p, err := s.Page(ctx, d.ID, "", 100)
	if err == nil {
		err = s.Forget(ctx, d.ID, p.Chain, []string{p.Events[0].ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, 1)
	wantPlace(t, j, sale.Join{Buyer: "bob bob"}, sale.Joined, 2)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Rejoined, 1)
	client.HDel(ctx, remotestock.Keys(d.ID)[12], "ann")
	wantPlace(t, j, sale.Join{Buyer: "ann", Proof: 1}, sale.Rejoined, 1)
	wantPlace(t, j, sale.Join{Buyer: "dan", Proof: sale.Drawn, Sure: true}, sale.Rejoined, sale.Drawn)
	if p, err = s.Page(ctx, d.ID, "", 100); err != nil {
		t.Fatal(err)
	}
	var got []sale.Placement
	mark := sale.Mark{}
	for i, e := range p.Events {
		got = append(got, e.Joins...)
		if e.Fault != "" || i > 0 && mark.Next(e.Covered) != e.Mark {
			t.Errorf("event %+v does not follow upon %+v", e, mark)
		}
		mark = e.Mark
	}
	want := []sale.Placement{{Buyer: "ann", Place: 1}, {Buyer: "bob bob", Place: 2}, {Buyer: "ann", Place: 1}, {Buyer: "dan", Place: sale.Drawn}}
	if diff := cmp.Diff(want, got); diff != "" || mark != p.Chain.Mark {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestAReconciliationBringsPlacesBack: those that Redis has lost, and no ordinal is given to another.
func TestAReconciliationBringsPlacesBack(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("places-back", 0)
	open(t, s, d)
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, 1)
	wantPlace(t, j, sale.Join{Buyer: "bob"}, sale.Joined, 2)
	before := wantClean(t, s, d.ID)
	client.Del(ctx, remotestock.Keys(d.ID)...)
	err := s.Adopt(ctx, d.ID, sale.Adoption{
		Was: sale.NotInRedis, Fence: "f1", Records: before.Records, Places: []sale.Placement{{Buyer: "ann", Place: 1}, {Buyer: "bob", Place: 2}},
		Chain: sale.Chain{Life: before.Chain.Life, Mark: sale.Mark{Epoch: 2, Seq: before.Chain.Seq}},
	})
	if err != nil {
		t.Fatal(err)
	}
	after := wantClean(t, s, d.ID)
	if diff := cmp.Diff(before.Places, after.Places); diff != "" || after.Line.Turn != 2 || after.Line.Joined != 2 {
		t.Errorf("got %+v, places (-before +after):\n%s", after.Line, diff)
	}
	wantPlace(t, j, sale.Join{Buyer: "bob"}, sale.Rejoined, 2)
	wantPlace(t, j, sale.Join{Buyer: "cem"}, sale.Joined, 3)
}
