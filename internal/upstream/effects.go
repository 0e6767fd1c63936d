package upstream

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// replaceFile gives path the content, whole or not at all, whatever is killed meanwhile:
// Nginx may start and read it at any moment.
func replaceFile(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".upstream-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the cause
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644) // Nginx may run as another user
	}
	if err == nil {
		err = f.Sync() // a rename that outlives its content would leave an empty file
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// outputLimit bounds what of a command's output goes into an error, in bytes.
const outputLimit = 4096

// command runs argv, which may be empty, and returns its failure with its output.
func (p *Publisher) command(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// A grandchild that keeps the output open must not keep us.
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	output := strings.TrimSpace(string(out[:min(len(out), outputLimit)]))
	return fmt.Errorf("%s: %w: %s", argv[0], err, output)
}
