package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is a folder in which go run ./cmd/onsale runs a few lines of Go in place of the tool.
func program(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module first\n\ngo 1.26\n",
		"cmd/onsale/main.go": "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"os/signal\"\n)\n\nfunc main() {\n\tstop := make(chan os.Signal, 1)\n\tsignal.Notify(stop, os.Interrupt)\n" + body + "\n}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestASiteFromSourceIsReadAndEnded(t *testing.T) {
	for name, c := range map[string]struct{ body, address, fault string }{
		"that ends well":    {`fmt.Println("open\n\n  http://127.0.0.1:1/sales/demo\n\nhttp://127.0.0.1:1/sales/other"); <-stop`, "http://127.0.0.1:1/sales/demo", ""},
		"whose audit fails": {`fmt.Println("  http://127.0.0.1:1/sales/demo"); <-stop; fmt.Println("a promise is broken"); os.Exit(1)`, "http://127.0.0.1:1/sales/demo", "a promise is broken"},
		"that does not run": {`fmt.Fprintln(os.Stderr, "port 1 is taken"); os.Exit(1)`, "", "port 1 is taken"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			s, err := startDev(ctx, t.TempDir(), program(t, c.body), os.Environ())
			if err != nil {
				t.Fatal(err)
			}
			address, err := s.page(ctx)
			if address != c.address || (err == nil) != (c.address != "") {
				t.Errorf("got the page %q and %v, want %q", address, err, c.address)
			}
			if c.address == "" && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("got %v, want %s in it", err, c.fault)
			}
			if err := s.end(); (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("got %v at its end, want %q", err, c.fault)
			}
		})
	}
}
