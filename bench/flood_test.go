package main

import (
	"os"
	"strings"
	"testing"

	"onsale/internal/testbed/flood"
)

func TestSlowClientsOfOneAddress(t *testing.T) {
	var r slowResult
	resultOf(t, &r, "flood", "--connections", "1500", "--turn", "1s", "--rate", "40", "--members", "100", "--idle", "100")
	if want := 2 * (len(flood.Kinds) + 1); len(r.Turns) != want {
		t.Fatalf("got %d turns, want %d", len(r.Turns), want)
	}
	for _, turn := range r.Turns {
		if turn.Held.Mean <= 0 || turn.Held.Lived <= 0 || turn.During.P99 <= 0 {
			t.Errorf("got %+v, want figures", turn)
		}
	}
}

// It changes the network that it is in.
func TestFloodedRefusesTheNetworkOfOthers(t *testing.T) {
	own, err := os.Readlink(ownNetwork)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&flooded{Outside: own}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "use the command flood") {
		t.Errorf("got %v, want to be referred to the command", err)
	}
}

func TestSlowClientsAreJudgedByEachFigure(t *testing.T) {
	s := &slowClients{}
	good := func() *slowResult {
		all := visitors{Sent: 10, Served: 10}
		return &slowResult{Workers: 2, Turns: []slowRow{{Ruleset: true, Held: flood.Held{Opened: 1}, Before: all, During: all, Lines: 3}}}
	}
	for name, spoil := range map[string]func(*slowRow){
		"before":   func(r *slowRow) { r.Before.Served = 9 },
		"nobody":   func(r *slowRow) { r.During = visitors{} },
		"unserved": func(r *slowRow) { r.During.Served = 9 },
		"no slow":  func(r *slowRow) { r.Held.Opened = 0 },
		"log":      func(r *slowRow) { r.Lines = 3.5 },
	} {
		r := good()
		if s.judge(r); len(r.Faults) != 0 {
			t.Fatalf("got %q of a good run, want none", r.Faults)
		}
		spoil(&r.Turns[0])
		if s.judge(r); len(r.Faults) != 1 {
			t.Errorf("%s: got %q, want one fault", name, r.Faults)
		}
	}
	r := good()
	r.Turns[0].Ruleset, r.Turns[0].During.Served = false, 0
	if s.judge(r); len(r.Faults) != 0 {
		t.Errorf("got %q, want none: without the ruleset nobody is promised to be served", r.Faults)
	}
}
