// Package docs_test keeps the documents honest: what they name has to exist.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// documents returns the text of every page by its path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "bench/*.md", "docs/*.md", "docs/adr/*.md", "docs/runbook/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			pages[strings.TrimPrefix(path, root+"/")] = read(t, path)
		}
	}
	if len(pages["README.md"]) == 0 {
		t.Fatal("got no README.md, want one to check")
	}
	return pages
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mention is something that a page names.
type mention struct{ page, name string }

// named returns what the pattern's first group matches, on every page.
func named(t *testing.T, pattern string) []mention {
	t.Helper()
	var found []mention
	for page, text := range documents(t) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, mention{page, m[1]})
		}
	}
	if len(found) == 0 {
		t.Fatalf("nothing matches %s, want something to check", pattern)
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := documents(t)
	for _, m := range named(t, `\]\(([^)\s]+)\)`) {
		if strings.Contains(m.name, "://") {
			continue
		}
		file, anchor, _ := strings.Cut(m.name, "#")
		target := filepath.Join(filepath.Dir(m.page), file)
		if file == "" {
			target = m.page
		}
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			t.Errorf("%s links to %s: %v", m.page, m.name, err)
		}
		if anchor != "" && !anchors(pages[target])[anchor] {
			t.Errorf("%s links to %s: %s has no such heading", m.page, m.name, target)
		}
	}
}

// anchors are the names under which a page's headings can be linked to.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

func TestPathsExist(t *testing.T) {
	for _, m := range named(t, "[` ./]((?:cmd|internal|lua|nginx|bench|deploy|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9])") {
		if _, err := os.Stat(filepath.Join(root, m.name)); err != nil {
			t.Errorf("%s names %s: %v", m.page, m.name, err)
		}
	}
}

func TestMakeTargetsExist(t *testing.T) {
	makefile := read(t, filepath.Join(root, "Makefile"))
	for _, m := range named(t, "(?m)(?:`|^)make ([a-z-]*[a-z])") {
		if !strings.Contains(makefile, "\n"+m.name+":") {
			t.Errorf("%s names `make %s`, and the Makefile has no such target", m.page, m.name)
		}
	}
}

func TestNamedTestsExist(t *testing.T) {
	source := sources(t)
	for _, m := range named(t, "`(Test[A-Za-z0-9]+)`") {
		if !strings.Contains(source, "func "+m.name+"(") {
			t.Errorf("%s names the test %s, which does not exist", m.page, m.name)
		}
	}
}

func TestMetricsExist(t *testing.T) {
	source := sources(t)
	for _, m := range named(t, "`(onsale_[a-z_]+)") {
		if !strings.Contains(source, `"`+m.name+`"`) {
			t.Errorf("%s names the metric %s, which does not exist", m.page, m.name)
		}
	}
}

// An environment variable that no program reads is a silent mistake.
func TestComposeSetsOnlyVariablesThatAreRead(t *testing.T) {
	source := sources(t)
	compose := read(t, filepath.Join(root, "docker-compose.yml"))
	set := regexp.MustCompile(`(?m)^ +(ONSALE_[A-Z_]+):`).FindAllStringSubmatch(compose, -1)
	if len(set) == 0 {
		t.Fatal("docker-compose.yml sets no ONSALE_ variable, want some to check")
	}
	for _, m := range set {
		if !strings.Contains(source, `env:"`+m[1]+`"`) {
			t.Errorf("docker-compose.yml sets %s, which no program reads", m[1])
		}
	}
}

// A site must be able to name another image of each service, and gets no other one by itself.
func TestComposeImagesAreVariablesAndPinned(t *testing.T) {
	compose := read(t, filepath.Join(root, "docker-compose.yml"))
	page := read(t, filepath.Join(root, "docs/operations.md"))
	images := regexp.MustCompile(`(?m)^ +(?:image|DEBIAN_IMAGE): (.*)$`).FindAllStringSubmatch(compose, -1)
	if len(images) < 8 {
		t.Fatalf("got %d images, want those of all services", len(images))
	}
	for _, m := range images {
		parts := regexp.MustCompile(`^\$\{([A-Z]+_IMAGE):-(onsale[a-z-]*|[a-z/]+:v?[0-9]+(\.[0-9]+)+[a-z-]*)\}$`).FindStringSubmatch(m[1])
		if parts == nil {
			t.Errorf("docker-compose.yml has the image %s, want ${…_IMAGE:-…}, ours or of a pinned version", m[1])
		} else if !strings.Contains(page, "`"+parts[1]+"`") {
			t.Errorf("docs/operations.md does not name %s", parts[1])
		}
	}
}

// sources is the text of every Go file of the module but this one.
func sources(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "docs") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			text.WriteString(read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
