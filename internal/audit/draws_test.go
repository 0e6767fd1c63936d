package audit_test

import (
	"maps"
	"strings"
	"testing"

	"onsale/internal/audit"
	"onsale/internal/line"
	"onsale/internal/sale"
)

// TestTheDrawCanBeComputed: by the list that is kept or by the places.
func TestTheDrawCanBeComputed(t *testing.T) {
	list, err := line.NewList("s", strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	list.Add("ann")
	list.Add("bob")
	var entries []byte
	for _, e := range list.Sorted() {
		entries = append(entries, e[:]...)
	}
	unknown := []string{"line: neither the 0 entries that are kept of the draw nor the places are the list that was published"}
	other := []string{"line: neither the 2 entries that are kept of the draw nor the places are the list that was published"}
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"both are there":                 {func(*sale.Snapshot) {}, nil},
		"the places are lost":            {func(s *sale.Snapshot) { s.Places = nil }, nil},
		"the list is not kept":           {func(s *sale.Snapshot) { s.Entries = nil }, nil},
		"another list is kept":           {func(s *sale.Snapshot) { s.Entries[3]++ }, nil},
		"the list is not published":      {func(s *sale.Snapshot) { s.Entries, s.Places, s.Line.List = nil, nil, "" }, nil},
		"both are lost":                  {func(s *sale.Snapshot) { s.Entries, s.Places = nil, nil }, unknown},
		"of both a part is lost":         {func(s *sale.Snapshot) { s.Entries = nil; delete(s.Places, "ann") }, unknown},
		"another list, and other places": {func(s *sale.Snapshot) { s.Entries[3]++; delete(s.Places, "ann"); s.Places["eva"] = sale.Drawn }, other},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().read()
			s.Sale.ID, s.Sale.LineSecret = "s", sale.Secret(strings.Repeat("0a", 32))
			s.Line = &sale.Line{Joined: 3, Drawn: 2, Over: true, Turn: 1, List: line.HashEntries(list.Sorted()).String()}
			s.Places = map[sale.Buyer]sale.Place{"ann": sale.Drawn, "bob": sale.Drawn, "cid": 1}
			s.Entries = append([]byte(nil), entries...)
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

// TestPlacesAreInBothRecords: or on their way to the ledger.
func TestPlacesAreInBothRecords(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot, *sale.Book)
		want   []string
	}{
		"both agree": {func(*sale.Snapshot, *sale.Book) {}, nil},
		"one that waits in the stream": {func(s *sale.Snapshot, _ *sale.Book) {
			s.Places["dan"] = 2
			s.Stream = append(s.Stream, sale.Event{Joins: []sale.Placement{{Buyer: "dan", Place: 2}}})
		}, nil},
		"one that the ledger lacks": {func(s *sale.Snapshot, _ *sale.Book) { s.Places["dan"] = 2 },
			[]string{`line: 1 places are in Redis, not in the ledger, and not in flight, such as that of "dan"`}},
		"others": {func(_ *sale.Snapshot, b *sale.Book) { b.Places["ann"], b.Places["cid"] = 4, 5 },
			[]string{`line: 2 places are others in the ledger with what is in flight, such as that of "ann"`}},
		"those that Redis lost": {func(s *sale.Snapshot, _ *sale.Book) { s.Places = nil },
			[]string{`line: 2 places are in the ledger alone: run onsale reconcile --force, such as that of "ann"`}},
		"one that came after the snapshot": {func(s *sale.Snapshot, b *sale.Book) {
			b.Places["dan"], b.Mark = 2, sale.Mark{Epoch: s.Chain.Epoch, Seq: s.Chain.Seq + 1}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().read()
			s.Line = &sale.Line{Joined: 2, Drawn: 1, Over: true, Turn: 1}
			s.Places = map[sale.Buyer]sale.Place{"ann": sale.Drawn, "cid": 1}
			b := sale.Book{Records: s.Records.Clone(), Mark: s.Chain.Mark}
			b.Places = maps.Clone(s.Places)
			c.change(&s, &b)
			wantFaults(t, audit.Ledger(s, b), c.want...)
		})
	}
}
