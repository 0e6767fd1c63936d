package problem_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onsale/internal/problem"
)

var update = flag.Bool("update", false, "write web/problems")

const folder = "../../web/problems"

// TestThePagesAreThoseOfTheTable compares what Nginx serves with the table. Where they differ:
//
//	go test ./internal/problem -run TestThePages -update
func TestThePagesAreThoseOfTheTable(t *testing.T) {
	want := map[string]string{"index.html": problem.Index()}
	for _, p := range problem.Table() {
		want[p.Code+".html"] = p.Page()
	}
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(folder + "/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := want[name]; !ok || text != string(got) {
			t.Errorf("%s is out of date, or of no problem: make it with `go test ./internal/problem -run TestThePages -update`, or delete it", file)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is missing in %s", name, folder)
	}
}

// A problem that the table has and its list does not would have no page.
func TestEveryProblemIsListedAndExplained(t *testing.T) {
	source, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, found := range regexp.MustCompile(`Problem\{"([a-z-]+)"`).FindAllSubmatch(source, -1) {
		want = append(want, string(found[1]))
	}
	slices.Sort(want)
	for _, p := range problem.Table() {
		got = append(got, p.Code)
		page := p.Page()
		if strings.Count(page, "<li>") == 0 || strings.Contains(page, "<p></p>") {
			t.Errorf("%s: its page does not explain it, see about.go", p.Code)
		}
		if !strings.Contains(problem.Index(), `"`+problem.TypeBase+p.Code+`"`) {
			t.Errorf("%s is not on the page of all problems", p.Code)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the list %v, want %v", got, want)
	}
	for _, code := range problem.Explained() {
		if !slices.Contains(want, code) {
			t.Errorf("%s is explained, and no problem", code)
		}
	}
}
