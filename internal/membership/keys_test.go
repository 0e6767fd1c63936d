package membership

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/testbed/await"
)

func keyOf(c string) []byte { return []byte(strings.Repeat(c, 32)) }

// keyed starts three members with one key, which all see each other.
func keyed(t *testing.T, k Keys) []*testMember {
	t.Helper()
	var all []*testMember
	for _, name := range []string{"a", "b", "c"} {
		cfg := testConfig(name)
		cfg.Keys = k
		if len(all) > 0 {
			cfg.Seeds = []string{all[0].LocalAddr()}
		}
		all = append(all, start(t, cfg))
	}
	await.Within(t, 10*time.Second, "all together", func() bool { return allSee(all, len(all)) })
	return all
}

// passes checks that each member learns what each announces, and that none is taken for failed for as long as silence
// would take to be noticed.
func passes(t *testing.T, all []*testMember, weight int) {
	t.Helper()
	for _, m := range all {
		if err := m.SetWeight(weight); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	await.Within(t, 20*time.Second, "the weights at all members", func() bool {
		for _, m := range all {
			v := m.View()
			if len(v) != len(all) {
				t.Fatalf("%s sees %v, want all", m.cfg.Name, names(v))
			}
			for _, n := range v {
				if n.Weight != weight {
					return false
				}
			}
		}
		return time.Since(began) > 2*time.Second
	})
}

func failures(all []*testMember) (n int) {
	for _, m := range all {
		for _, name := range []string{"a", "b", "c"} {
			n += m.received("failed " + name)
		}
	}
	return n
}

// TestKeysRotateWithoutAFailure: the new key is added below, moved up, and the old one dropped, member after member.
func TestKeysRotateWithoutAFailure(t *testing.T) {
	t.Parallel()
	old, next := keyOf("o"), keyOf("n")
	all := keyed(t, Keys{old})
	for weight, k := range []Keys{{old, next}, {next, old}, {next}} {
		for _, m := range all {
			if err := m.SetKeys(k); err != nil {
				t.Fatal(err)
			}
			passes(t, all, weight+2) // while the others have the keys of before
		}
		if got := Keys(all[0].keyring.GetKeys()); !slices.EqualFunc(got, k, slices.Equal) {
			t.Errorf("got %d keys in the order %.1q, want %.1q", len(got), got, k)
		}
	}
	if n := failures(all); n != 0 {
		t.Errorf("got %d members taken for failed, want none", n)
	}
	for name, k := range map[string]Keys{"the old key": {old}, "a key that nobody had": {keyOf("x")}} {
		cfg := testConfig("d", all[0].LocalAddr())
		cfg.Keys = k
		d := start(t, cfg)
		await.Until(t, "the refusal logged", func() bool { return d.logs.FilterMessage("gossip seed can't be joined").Len() == 1 })
		if len(d.View()) != 1 || !allSee(all, 3) {
			t.Errorf("who has %s: got views %v and %v, want it alone", name, names(d.View()), names(all[0].View()))
		}
		d.stop(t)
	}
	// A member that skips the steps is taken for failed, so the above shows something.
	if err := all[2].SetKeys(Keys{old}); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "c without the key taken for failed", func() bool { return all[0].received("failed c") == 1 })
}

func TestKeysThatAreNotGoodChangeNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig("a")
	cfg.Keys = Keys{keyOf("o"), keyOf("n")}
	g, err := New(cfg, nil, zap.NewNop(), Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]Keys{
		"none": nil, "a short one": {keyOf("o")[:31]}, "one twice": {keyOf("o"), keyOf("o")},
		"too many": {keyOf("1"), keyOf("2"), keyOf("3"), keyOf("4"), keyOf("5")},
	} {
		if err := g.SetKeys(k); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if got := Keys(g.keyring.GetKeys()); !slices.EqualFunc(got, cfg.Keys, slices.Equal) {
			t.Errorf("%s: got %d keys, want those of before", name, len(got))
		}
	}
	// Any order and number of keys becomes any other.
	for _, k := range []Keys{{keyOf("1"), keyOf("o"), keyOf("n")}, {keyOf("n"), keyOf("2"), keyOf("1")}, {keyOf("2"), keyOf("n")}, {keyOf("o")}} {
		if err := g.SetKeys(k); err != nil {
			t.Fatal(err)
		}
		got := Keys(g.keyring.GetKeys())
		slices.SortFunc(got[1:], slices.Compare)
		want := slices.Clone(k)
		slices.SortFunc(want[1:], slices.Compare)
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got %.1q, want %.1q with the first one first", got, k)
		}
	}
	clear := testConfig("b")
	if g, err = New(clear, nil, zap.NewNop(), Hooks{}); err != nil {
		t.Fatal(err)
	}
	if err := g.SetKeys(cfg.Keys); err == nil {
		t.Error("got encryption turned on while a member runs, want an error")
	}
	if err := g.SetKeys(nil); err != nil {
		t.Error(err)
	}
}
