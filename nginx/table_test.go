package nginx_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"onsale/internal/problem"
)

// edgeProblems are what Nginx answers with. Anyone who adds one to problems.conf adds it here.
var edgeProblems = []problem.Problem{
	problem.BadRequest, problem.NotFound, problem.MethodNotAllowed, problem.BodyTooLarge, problem.URITooLong, problem.RateLimited,
	problem.HeaderTooLarge, problem.NodeUnreachable, problem.Busy, problem.NodeTimeout,
}

// Nginx and the nodes had other titles for the same problem.
func TestNginxsProblemsAreThoseOfTheTable(t *testing.T) {
	conf, err := os.ReadFile("problems.conf")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]problem.Problem{}
	for _, p := range edgeProblems {
		want[p.Code] = p
	}
	seen := 0
	for _, found := range regexp.MustCompile(`(?m)^ +(\d+) '(\{.*\})';$`).FindAllSubmatch(conf, -1) {
		var d struct {
			Type, Title, Code, Detail string
			Status                    int
		}
		if err := json.Unmarshal(found[2], &d); err != nil {
			t.Errorf("%s: %v", found[2], err)
			continue
		}
		seen++
		p, known := want[d.Code]
		if got := (problem.Problem{Code: d.Code, Status: d.Status, Title: d.Title, Detail: p.Detail, Retry: p.Retry}); !known || got != p || d.Type != problem.TypeBase+p.Code || d.Detail == "" {
			t.Errorf("got %+v, want the table's %+v", d, p)
		}
	}
	if seen != len(edgeProblems) {
		t.Errorf("got %d problems, want %d", seen, len(edgeProblems))
	}
}
