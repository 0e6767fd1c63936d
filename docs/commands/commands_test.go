// Package commands_test has every command of the pages, and every --help, tried on the programs
// that it names.
package commands_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

const root = "../.."

// others are the programs of the pages that are not ours. A new one is added here on purpose, so
// that a mistyped name does not pass for one.
var others = []string{
	"apt-get", "cat", "cd", "chmod", "chown", "cp", "curl", "date", "docker", "docker-compose", "editor", "export", "grep", "kill", "ln", "nft", "nginx",
	"operator", // a function of docs/runbook/alerts.md
	"pg_dump", "pgrep", "psql", "redis-cli", "redis-server", "scp", "sh", "systemctl", "wrk",
}

// builtFrom are our programs by the folder that go run is given.
var builtFrom = map[string]string{
	"./cmd/onsale": "onsale", "./cmd/node": "node", "./cmd/allocator": "allocator", "./cmd/ledger": "ledger", "./bench": "bench",
}

// call is a command of a page, without its redirections.
type call struct {
	where string
	words []string
}

func (c call) String() string { return c.where + ": " + strings.Join(c.words, " ") }

func TestEveryCommandOfThePagesIsOneThatItsProgramKnows(t *testing.T) {
	var ours int
	for _, c := range calls(t) {
		program, args := resolve(c.words)
		switch {
		case program == "make":
			if out, err := try(t, "make", append([]string{"-n", "-C", root}, args...)...); err != nil {
				t.Errorf("%v: %v: %s", c, err, out)
			}
		case slices.Contains(slices.Collect(maps.Values(builtFrom)), program):
			ours++
			// A program looks at all of its arguments before it prints its help.
			if out, err := try(t, filepath.Join(bin, program), append(args, "--help")...); err != nil {
				t.Errorf("%v: %v: %s", c, err, out)
			}
		case !slices.Contains(others, program):
			t.Errorf("%v: got a program that is not ours and not known here", c)
		}
	}
	if ours < 80 {
		t.Errorf("got %d commands of our programs, want far more: the pages are not read whole", ours)
	}
}

// resolve returns what runs in the end, where a command only leads to it.
func resolve(words []string) (program string, args []string) {
	program, args = words[0], words[1:]
	switch {
	case program == "go" && len(args) > 1 && args[0] == "run" && builtFrom[args[1]] != "":
		return builtFrom[args[1]], args[2:]
	case (program == "docker-compose" || program == "docker") && slices.Contains(args, "exec"):
		after := args[slices.Index(args, "exec")+1:]
		for len(after) > 1 && strings.HasPrefix(after[0], "-") {
			after = after[1:]
		}
		if len(after) > 1 {
			return resolve(after[1:]) // after the service's name
		}
	}
	return strings.TrimPrefix(program, "bin/"), args
}

func TestEveryHelpDescribesItsFlags(t *testing.T) {
	for _, program := range builtFrom {
		help(t, filepath.Join(bin, program))
	}
}

// help reads a program's help, or a command's of it, and those of the commands below.
func help(t *testing.T, path string, command ...string) {
	name := strings.Join(append([]string{filepath.Base(path)}, command...), " ")
	out, err := try(t, path, append(command, "--help")...)
	if err != nil || !strings.HasPrefix(out, "Usage: "+name) {
		t.Errorf("%s --help: %v: got %s", name, err, out)
		return
	}
	flags := regexp.MustCompile(`(?m)^ +(-\w, )?--[\w-]+\S*(?: {2,}(\S.*))?\n(?: {20,}(\S.*))?`)
	for _, f := range flags.FindAllStringSubmatch(out, -1) {
		if f[2] == "" && f[3] == "" {
			t.Errorf("%s: %s: want a description", name, strings.TrimSpace(f[0]))
		}
	}
	if len(command) > 0 {
		return
	}
	_, list, found := strings.Cut(out, "\nCommands:\n")
	if !found {
		return
	}
	for _, line := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)*)(?: .*)?\n    \S`).FindAllStringSubmatch(list, -1) {
		help(t, path, strings.Fields(line[1])...)
	}
}

// bin is a folder with our programs.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "onsale-commands-"); err != nil {
		panic(err)
	}
	args := append([]string{"build", "-C", root, "-o", bin + string(filepath.Separator)}, slices.Sorted(maps.Keys(builtFrom))...)
	out, err := exec.Command("go", args...).CombinedOutput()
	status := 1
	if err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(bin); err != nil {
		panic(err)
	}
	os.Exit(status)
}

// try runs a command that ends by itself. What it may read of a page's settings is not set.
func try(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "ONSALE_") })
	out, err := c.CombinedOutput()
	return string(out), err
}

var (
	fenced = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")
	// A span that is a command, and not one that speaks of a program by its name.
	span = regexp.MustCompile("`((?:bin/)?(?:onsale|node|allocator|ledger|make|go run \\./[a-z/]+) [^`]+)`")
)

// calls returns every command of every page.
func calls(t *testing.T) []call {
	t.Helper()
	var found []call
	for _, pattern := range []string{"*.md", "bench/*.md", "docs/*.md", "docs/adr/*.md", "docs/runbook/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got %d pages, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []*regexp.Regexp{fenced, span} {
				for _, at := range p.FindAllSubmatchIndex(text, -1) {
					where := fmt.Sprintf("%s:%d", strings.TrimPrefix(path, root+"/"), strings.Count(string(text[:at[2]]), "\n")+1)
					script := string(text[at[2]:at[3]])
					if p == span { // which may go on on the page's next line
						script = strings.ReplaceAll(script, "\n", " ")
					}
					found = append(found, parse(t, where, script)...)
				}
			}
		}
	}
	return found
}

// parse returns the commands of a script, those in substitutions too. What only the shell knows
// when it runs is a 1.
func parse(t *testing.T, where, script string) []call {
	t.Helper()
	script = strings.NewReplacer(" …", "", " ...", "").Replace(script)
	file, err := syntax.NewParser().Parse(strings.NewReader(script), where)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return nil
	}
	var found []call
	syntax.Walk(file, func(node syntax.Node) bool {
		if c, ok := node.(*syntax.CallExpr); ok && len(c.Args) > 0 {
			one := call{where: where}
			for _, w := range c.Args {
				one.words = append(one.words, literal(w.Parts))
			}
			found = append(found, one)
		}
		return true
	})
	return found
}

func literal(parts []syntax.WordPart) string {
	var s strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			s.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
		case *syntax.SglQuoted:
			s.WriteString(p.Value)
		case *syntax.DblQuoted:
			s.WriteString(literal(p.Parts))
		default:
			s.WriteString("1")
		}
	}
	return s.String()
}
