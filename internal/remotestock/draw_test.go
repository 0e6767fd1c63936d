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
