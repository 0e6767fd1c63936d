package testbed_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNoRequestIsHandedOnAsAContext: fasthttp's RequestCtx is a context.Context, and one
// that must not be used as such. Its Done is closed when the server begins to shut down, so
// calls under way would end, and it is another request as soon as the handler has returned.
func TestNoRequestIsHandedOnAsAContext(t *testing.T) {
	packages := map[string][]*ast.File{}
	files := token.NewFileSet()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, parsed := range packages {
		for _, at := range handedOn(parsed) {
			t.Errorf("%v: a fasthttp request is handed to other code: use a context that outlives the shutdown", files.Position(at))
		}
	}
}

// handedOn are the places where a request leaves the functions of its package that are
// declared to take one. Names decide: a request may be called otherwise in no way that
// this would miss but by copying it first.
func handedOn(parsed []*ast.File) (places []token.Pos) {
	takes := map[string]bool{}
	for _, f := range parsed {
		for _, d := range f.Decls {
			if fn, is := d.(*ast.FuncDecl); is && len(requests(fn.Type)) > 0 {
				takes[fn.Name.Name] = true
			}
		}
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			var kind *ast.FuncType
			var body *ast.BlockStmt
			switch fn := n.(type) {
			case *ast.FuncDecl:
				kind, body = fn.Type, fn.Body
			case *ast.FuncLit:
				kind, body = fn.Type, fn.Body
			}
			if kind == nil || body == nil {
				return true
			}
			names := requests(kind)
			ast.Inspect(body, func(n ast.Node) bool {
				call, is := n.(*ast.CallExpr)
				if !is || takes[callee(call)] {
					return true
				}
				for _, arg := range call.Args {
					if id, is := arg.(*ast.Ident); is && slices.Contains(names, id.Name) {
						places = append(places, arg.Pos())
					}
				}
				return true
			})
			return true
		})
	}
	return places
}

// requests are the names of the parameters that are a *fasthttp.RequestCtx.
func requests(fn *ast.FuncType) (names []string) {
	for _, field := range fn.Params.List {
		star, is := field.Type.(*ast.StarExpr)
		if !is {
			continue
		}
		if kind, is := star.X.(*ast.SelectorExpr); !is || kind.Sel.Name != "RequestCtx" {
			continue
		}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// callee is the name of the function that is called if it may be one of this package: a
// plain one, or a method of a plain variable.
func callee(call *ast.CallExpr) string {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		if _, is := fn.X.(*ast.Ident); is {
			return fn.Sel.Name
		}
	}
	return ""
}

func TestARequestThatIsHandedOnIsFound(t *testing.T) {
	const source = `package p
func (h *handler) serve(ctx *fasthttp.RequestCtx) {
	h.find(ctx, "mine")
	refuse(ctx)
	h.orders.find(ctx)
	limit, cancel := context.WithTimeout(ctx, time.Second)
	func(request *fasthttp.RequestCtx) { Buy(request) }(ctx)
}
func (h *handler) find(ctx *fasthttp.RequestCtx, which string) { read(context.Background(), which) }
func refuse(ctx *fasthttp.RequestCtx) {}
func plain(ctx context.Context) { Buy(ctx) }
`
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, at := range handedOn([]*ast.File{f}) {
		got = append(got, fmt.Sprint(files.Position(at).Line))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"5", "6", "7", "7"}, slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
