package web_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"onsale/internal/testbed/browser"
	"onsale/web"
)

// TestModules runs testdata/*.test.js in a browser.
func TestModules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files (%v), want tests", len(files), err)
	}
	for i := range files {
		files[i] = "/" + files[i]
	}
	list, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	w := browser.Start(t).Window(t, browser.Look{})
	w.Go(start(t).URL + "/")
	got := browser.Eval[struct {
		Count  int
		Failed []string
	}](w, fmt.Sprintf("import('/testdata/run.js').then(m => m.run(%s))", list))
	for _, f := range got.Failed {
		t.Error(f)
	}
	if got.Count < 40 {
		t.Errorf("got %d tests, want all", got.Count)
	}
}

// notBuyers are problems that no buyer gets: those of payment providers and of operators.
var notBuyers = []string{
	"webhook-malformed", "webhook-signature", "webhook-expired", "payment-conflict", "invalid-payment", "payment-outcome-unknown",
	"no-admin-token", "payment-unknown", "node-unknown", "conflict", "sale-lost",
}

func TestEveryProblemHasWordsInEveryLanguage(t *testing.T) {
	codes := codes(t)
	for _, code := range notBuyers {
		if !slices.Contains(codes, code) {
			t.Errorf("there is no problem %s any more", code)
		}
	}
	files, err := fs.Glob(web.Files, "assets/lang/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("got %q (%v), want at least three languages", files, err)
	}
	for _, file := range files {
		raw, err := fs.ReadFile(web.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		var words struct{ Problems map[string]any }
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, code := range codes {
			if slices.Contains(notBuyers, code) {
				continue
			}
			is := words.Problems[code]
			if other, ok := is.(string); ok {
				is = words.Problems[other]
			}
			if pair, ok := is.([]any); !ok || len(pair) != 2 || pair[0] == "" || pair[1] == "" {
				t.Errorf("%s: %s: got %v, want what happened and what to do next", file, code, is)
			}
		}
	}
}

// codes are all of the table of problems.
func codes(t *testing.T) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/problem/table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.CompositeLit)
		if ok && fmt.Sprint(c.Type) == "Problem" {
			if b, ok := c.Elts[0].(*ast.BasicLit); ok {
				code, err := strconv.Unquote(b.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, code)
			}
		}
		return true
	})
	if len(found) < 40 {
		t.Fatalf("got %d problems, want the whole table", len(found))
	}
	return found
}

// A phone loads no more than this, uncompressed, whichever language it shows.
const weight = 60 << 10

func TestThePageIsLight(t *testing.T) {
	rest, languages, all := 0, map[string]int{}, 0
	err := fs.WalkDir(web.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path != "sale.html" && !strings.HasPrefix(path, "assets/") {
			return err
		}
		b, err := fs.ReadFile(web.Files, path)
		if all += len(b); strings.HasPrefix(path, "assets/lang/") {
			languages[path] = len(b)
		} else {
			rest += len(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, size := range languages {
		t.Logf("%s: %d bytes with everything else", path, rest+size)
		if rest+size > weight {
			t.Errorf("%s: got %d bytes with everything else, want at most %d", path, rest+size, weight)
		}
	}
	t.Logf("%d bytes in all languages", all)
}
