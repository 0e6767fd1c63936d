package temperature_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/temperature"
)

func ids(n int) []sale.ID {
	list := make([]sale.ID, n)
	for i := range list {
		list[i] = sale.ID(fmt.Sprint(i))
	}
	return list
}

var small = temperature.Config{Stay: 10 * time.Second, Most: 4, Few: 2, Turn: 3}

func TestSmallSiteHasNoColdSales(t *testing.T) {
	s := temperature.New(small)
	s.List(ids(2))
	for range 3 {
		hot, asked := s.Hot(time.Now())
		cold := s.Turn()
		if len(hot) != 2 || asked != 0 || len(cold) != 0 {
			t.Errorf("got %v hot, %d of them asked for, %v cold, want two hot that nobody asked for", hot, asked, cold)
		}
		if !s.Over() {
			t.Error("got a round that goes on, want it over: the sales are listed again")
		}
		s.List(ids(2))
	}
}

func TestEverySaleHasItsTurn(t *testing.T) {
	s, now := temperature.New(small), time.Now()
	if fresh := s.List(ids(12)); len(fresh) != 12 {
		t.Fatalf("got %v new, want all", fresh)
	}
	var seen []sale.ID
	for looks := 0; !s.Over(); looks++ {
		hot, _ := s.Hot(now)
		cold := s.Turn()
		if looks == 0 {
			seen = append(seen, hot...)
		}
		if seen = append(seen, cold...); len(cold) > 3 || looks > 4 {
			t.Fatalf("look %d: got %v cold, want three at most, and four looks", looks, cold)
		}
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 12 {
		t.Errorf("got %v, want each of twelve sales once", seen)
	}
	if fresh := s.List(append(ids(11), "new")); !slices.Equal(fresh, []sale.ID{"new"}) || s.Over() || s.Knows("11") {
		t.Errorf("got %v new, want a round with the new sale and without the one that is gone", fresh)
	}
}

func TestHotSalesAreThoseAskedForLast(t *testing.T) {
	s, now := temperature.New(small), time.Now()
	s.List(ids(12))
	for i, id := range []sale.ID{"3", "5", "7", "9", "11", "5"} {
		s.Heat(id, now.Add(time.Duration(i)*time.Second))
	}
	s.Heat("opened", now.Add(6*time.Second)) // and not yet listed
	hot, asked := s.Hot(now.Add(7 * time.Second))
	if want := []sale.ID{"opened", "5", "11", "9"}; !slices.Equal(hot, want) || asked != 4 {
		t.Errorf("got %v, %d of them asked for, want %v, all", hot, asked, want)
	}
	hot, asked = s.Hot(now.Add(15*time.Second + 1))
	if want := []sale.ID{"opened"}; !slices.Equal(hot, want) || asked != 1 {
		t.Errorf("later: got %v, %d of them asked for, want %v", hot, asked, want)
	}
}
