package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a page's next block of commands.
var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// firstLooksRun follows each section's first look to the letter. The block at the top of the page,
// which names where things are, is run before it, and then this site's own places.
func (w *watched) firstLooksRun(t *testing.T) {
	top := block.FindStringSubmatch(read(t, "../docs/runbook/alerts.md"))
	if top == nil {
		t.Fatal("got no commands in docs/runbook/alerts.md, want those that set where things are")
	}
	here := strings.Join([]string{
		"export ONSALE_REDIS_ADDR=" + w.Redis.Addr(),
		"export ONSALE_DATABASE_URL='" + w.Postgres.URL() + "'",
		"export ONSALE_ADMIN_TOKEN_FILE=" + filepath.Join(w.Dir, "admin-token"),
		fmt.Sprintf("SALE=demo NODE=%s ALLOCATOR=%s LEDGER=%s", w.Nodes[0].Admin, w.Allocators[0].Admin, w.Ledgers[0].Admin),
	}, "\n")
	ran := 0
	for heading, body := range sections(t) {
		if !strings.Contains(body, parts[0]) {
			continue
		}
		found := block.FindStringSubmatch(body)
		for line := range strings.Lines(found[1]) {
			ran++
			script := strings.Join([]string{"set -euo pipefail", top[1], here, line}, "\n")
			c := exec.CommandContext(w.ctx, "bash", "-c", script)
			c.Env = append(os.Environ(), "PATH="+w.bin+":"+os.Getenv("PATH"))
			out, err := c.CombinedOutput()
			if err != nil || len(out) == 0 || strings.Contains(string(out), "ERR ") {
				t.Errorf("%s: %s: %v: got %s", heading, strings.TrimSpace(line), err, out)
			}
		}
	}
	if ran < 60 {
		t.Errorf("got %d commands run, want far more", ran)
	}
}
