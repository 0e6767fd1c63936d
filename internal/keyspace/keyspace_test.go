package keyspace

import (
	"slices"
	"strings"
	"testing"

	"onsale/internal/sale"
)

// all are keys of every kind.
func all(p Prefix) []string {
	return slices.Concat([]string{p.Sales(), p.News(), p.Hot(), p.Site(), p.Nodes(), p.Yield("demo"), p.Audit("demo"), p.Lease("node:n1"), p.Trial("1")}, p.Orphans(), p.Payment("pay/1"), p.Registry("nodes"), p.Sale("demo").All)
}

// TestAnUpgradeFindsTheKeysThatAreThere: without a prefix the names are those of earlier versions.
func TestAnUpgradeFindsTheKeysThatAreThere(t *testing.T) {
	want := []string{
		"onsale:sales", "onsale:news", "onsale:hot", "onsale:site", "onsale:nodes", "onsale:yield:demo", "onsale:audit:demo", "onsale:lease:node:n1", "{onsale-rights-1}",
		"{onsale:orphans}", "{onsale:orphans}:index", "{onsale:payment:pay/1}", "onsale:registry:{nodes}", "onsale:registry:{nodes}:values",
		"{demo}", "{demo}:plan", "{demo}:buyers", "{demo}:orders", "{demo}:deadlines", "{demo}:events", "{demo}:payments",
		"{demo}:links", "{demo}:past", "{demo}:surplus", "{demo}:tap", "{demo}:index", "{demo}:line", "{demo}:front", "{demo}:drawn",
	}
	if got := all(""); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, got := range all("shop-1") {
		if got != "shop-1:"+want[i] {
			t.Errorf("got %q, want shop-1: before %q", got, want[i])
		}
		if tag(got) != tag(want[i]) {
			t.Errorf("%q: got the hash tag %q, want %q", got, tag(got), tag(want[i]))
		}
	}
}

// tag is what a Redis Cluster hashes.
func tag(key string) string {
	_, rest, open := strings.Cut(key, "{")
	if inside, _, closed := strings.Cut(rest, "}"); open && closed && inside != "" {
		return inside
	}
	return ""
}

// TestSitesHaveNoKeyInCommon: whatever their prefixes are, and whatever begins like another.
func TestSitesHaveNoKeyInCommon(t *testing.T) {
	owner := map[string]Prefix{}
	for _, p := range []Prefix{"", "a", "ab", "onsale-2", "demo"} {
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, key := range all(p) {
			if other, taken := owner[key]; taken {
				t.Errorf("%q is a key of the sites %q and %q", key, other, p)
			}
			owner[key] = p
			for _, q := range []Prefix{"", "a", "ab", "onsale-2", "demo"} {
				if got := lets(q, key); got != (p == q) {
					t.Errorf("the access list %q: got %q let in %v, want %v", q.Pattern(), key, got, p == q)
				}
			}
		}
	}
}

// lets reports whether a site's access list lets a key in: its patterns end in *.
func lets(p Prefix, key string) bool {
	return slices.ContainsFunc(strings.Fields(p.Pattern()), func(pattern string) bool {
		return strings.HasPrefix(key, strings.TrimSuffix(strings.TrimPrefix(pattern, "~"), "*"))
	})
}

func TestPrefixesThatWouldMixSitesAreRefused(t *testing.T) {
	for _, p := range []Prefix{"onsale", "a:b", "a:", "{a}", "a{", "a}", "a*", "a?", "[a]", "a b", "é", "a\x00", Prefix(strings.Repeat("a", 33))} {
		if err := p.Validate(); err == nil {
			t.Errorf("%q: got no error, want it refused", p)
		}
	}
	for _, p := range []Prefix{"", "a", "Shop-1_b.c", "onsale2", Prefix(strings.Repeat("a", 32))} {
		if err := p.Validate(); err != nil {
			t.Errorf("%q: got %v, want it accepted", p, err)
		}
	}
	if key := Prefix("s").Sale(sale.ID("demo")).Sale; key != "s:{demo}" {
		t.Errorf("got %q, want s:{demo}", key)
	}
}
