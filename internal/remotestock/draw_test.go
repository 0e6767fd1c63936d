package remotestock_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// wantDrawn takes a step and compares the line.
func wantDrawn(t *testing.T, s *remotestock.Store, id sale.ID, step sale.DrawStep, value string, want sale.Line) {
	t.Helper()
	if l, err := s.Draw(context.Background(), id, step, value); err != nil || l != want {
		t.Errorf("%s: got %+v, %v, want %+v", step, l, err, want)
	}
}

// TestTheDrawIsTakenOnceAndStepByStep: nothing of it changes any more, and nobody is admitted before
// its order is known.
func TestTheDrawIsTakenOnceAndStepByStep(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("draws", 4_000_000_000_000)
	open(t, s, d)
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, sale.Drawn)
	wantPlace(t, j, sale.Join{Buyer: "bob"}, sale.Joined, sale.Drawn)
	is := sale.Line{Joined: 2}
	wantDrawn(t, s, d.ID, sale.DrawFreeze, "", is) // it is early
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "draw_at", "1000", "opens", "61000")
	wantDrawn(t, s, d.ID, sale.DrawList, "11", is) // the freeze is missing
	is.Over, is.Drawn = true, 2
	wantDrawn(t, s, d.ID, sale.DrawFreeze, "", is)
	wantPlace(t, j, sale.Join{Buyer: "cem"}, sale.Joined, 1)
	is.Joined, is.Turn = 3, 1
	wantDrawn(t, s, d.ID, sale.DrawFreeze, "", is)
	wantDrawn(t, s, d.ID, sale.DrawBeacon, "v", is) // the list is missing
	still := func(before string) {
		t.Helper()
		if front, _, err := s.Advance(ctx, d.ID, 0); err != nil || front != 0 {
			t.Errorf("before the %s: got a front of %d, %v, want 0", before, front, err)
		}
	}
	still("list")
	is.List = "11"
	wantDrawn(t, s, d.ID, sale.DrawList, "11", is)
	still("beacon")
	is.BeaconValue = "v"
	wantDrawn(t, s, d.ID, sale.DrawBeacon, "v", is)
	wantDrawn(t, s, d.ID, sale.DrawBeacon, "v", is)
	for step, other := range map[sale.DrawStep]string{sale.DrawList: "12", sale.DrawBeacon: "w"} {
		if l, err := s.Draw(ctx, d.ID, step, other); !errors.Is(err, sale.ErrConflict) || l != is {
			t.Errorf("%s again: got %+v, %v, want ErrConflict", step, l, err)
		}
	}
	if _, reading, err := s.Read(ctx, d.ID, 0); err != nil || *reading.Line != is {
		t.Errorf("read: got %+v, %v, want %+v", reading.Line, err, is)
	}
	if front, _, err := s.Advance(ctx, d.ID, 0); err != nil || front == 0 {
		t.Errorf("after it: got a front of %d, %v", front, err)
	}
	var drawn []string
	if err := s.DrawnPlaces(ctx, d.ID, func(b sale.Buyer) { drawn = append(drawn, string(b)) }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(drawn); !slices.Equal(drawn, []string{"ann", "bob"}) {
		t.Errorf("got %v drawn, want ann and bob", drawn)
	}
	p, err := s.Page(ctx, d.ID, "", 100)
	steps := 0
	for _, e := range p.Events {
		if e.Fault != "" {
			t.Errorf("event %+v", e)
		}
		if e.Covered == "drawn\n2" || e.Covered == "list\n11" || e.Covered == "beacon_value\nv" {
			steps++
		}
	}
	if err != nil || steps != 3 {
		t.Errorf("got %d events of the draw, %v, want 3", steps, err)
	}
}

// TestAReconciliationRestoresFrontAndDraw: Redis went back to before them, and the records know. Nobody gets
// the ordinal of one who was admitted.
func TestAReconciliationRestoresFrontAndDraw(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("redrawn", 4_000_000_000_000)
	open(t, s, d)
	hash := remotestock.Keys(d.ID)[0]
	client.HSet(ctx, hash, "joined", "9", "drawn", "3", "turn", "6", "front", "5", "list", "11", "beacon_value", "v")
	before, err := s.Snapshot(ctx, d.ID) // which has a hash of no list
	if err != nil {
		t.Fatal(err)
	}
	client.HDel(ctx, hash, "drawn", "turn", "list", "beacon_value")
	client.HSet(ctx, hash, "joined", "0", "front", "1")
	if err := s.Shut(ctx, d.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, before, false)
	want := sale.Line{Joined: 5, Drawn: 3, Over: true, Turn: 2, Front: 5, List: "11", BeaconValue: "v"}
	if _, reading, err := s.Read(ctx, d.ID, 0); err != nil || *reading.Line != want {
		t.Errorf("got %+v, %v, want %+v", reading.Line, err, want)
	}
	if _, err := s.Snapshot(ctx, d.ID); err != nil {
		t.Error(err)
	}
}

// TestEventsOfTheLineAreRead: as the ledger records them.
func TestEventsOfTheLineAreRead(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("line-events", 4_000_000_000_000)
	open(t, s, d)
	wantPlace(t, joiner(t, s, d.ID), sale.Join{Buyer: "ann"}, sale.Joined, sale.Drawn)
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "draw_at", "1000", "opens", "61000")
	for _, step := range []sale.DrawStep{sale.DrawFreeze, sale.DrawList, sale.DrawBeacon} {
		if _, err := s.Draw(ctx, d.ID, step, map[sale.DrawStep]string{sale.DrawList: "11", sale.DrawBeacon: "v"}[step]); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Advance(ctx, d.ID, 0); err != nil {
		t.Fatal(err)
	}
	p, err := s.Page(ctx, d.ID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got sale.LineRecord
	for _, e := range p.Events {
		got.Raise(e.Lined)
		if e.Fault != "" {
			t.Errorf("event %+v", e)
		}
	}
	if want := (sale.LineRecord{Front: 1, Frozen: true, Drawn: 1, List: "11", BeaconValue: "v"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
