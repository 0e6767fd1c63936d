package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPartsAreListed(t *testing.T) {
	s := startStub(t)
	answers := func(text string) {
		s.serve = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	answers(`{"nodes":[{"name":"n1","address":"10.0.0.4:8080","weight":2,"ready":true,"draining":false}],
		"allocators":[{"name":"a1","admin":"10.0.0.1:9080","ready":true,"leads":true,"nginx":{"current":false,"nodes":3,"selling":2,"since":"2026-11-28T01:00:00Z"}},
			{"name":"a2","admin":"10.0.0.2:9080","ready":false,"leads":false},{"name":"old"}],
		"ledgers":[{"name":"l1","ready":true,"sales":2,"waiting":5,"waited_seconds":1.26,"written_at":"2026-11-28T01:00:00Z"},{"name":"old"}]}`)
	out, errs, err := s.run("node", "list")
	for _, m := range []string{
		`node +│ n1 +│ 10.0.0.4:8080 +│ +2 │ selling`, `allocator │ a1 +│ 10.0.0.1:9080 +│ +│ leading `, `allocator │ a2 .*│ standby, not ready`, `allocator │ old +│ +│ +│ not known`,
		`nginx +│ of a1 .*│ behind +│ upstream has 2 of 3 nodes selling, since 2026-11-28T01:00:00Z`,
		`ledger +│ l1 .*│ recording +│ reads 2 sales; 5 events wait, the oldest for 1.3s; wrote 2026-11-28T01:00:00Z`, `ledger +│ old .*│ not known`,
	} {
		if !regexp.MustCompile(m).MatchString(out) {
			t.Errorf("got:\n%s\nwant a match of %s", out, m)
		}
	}
	if err != nil || errs != "" {
		t.Errorf("got %v and %q", err, errs)
	}
	t.Run("as JSON with their kinds", func(t *testing.T) {
		out, _, err := s.run("node", "list", "--json")
		var kinds []string
		for line := range strings.Lines(out) {
			kinds = append(kinds, regexp.MustCompile(`^{"kind":"(\w+)","(name|allocator)":"`).FindStringSubmatch(line)[1])
		}
		if diff := cmp.Diff([]string{"node", "allocator", "allocator", "allocator", "nginx", "ledger", "ledger"}, kinds); err != nil || diff != "" {
			t.Errorf("got %v and (-want +got):\n%s", err, diff)
		}
	})
	t.Run("nodes alone, if Redis is away", func(t *testing.T) {
		answers(`{"nodes":[{"name":"n1"}],"unknown":"Redis did not answer"}`)
		out, errs, err := s.run("node", "list")
		if err != nil || !strings.Contains(out, "n1") || !strings.Contains(errs, "not known: Redis did not answer") {
			t.Errorf("got %v, %q and:\n%s", err, errs, out)
		}
	})
}
