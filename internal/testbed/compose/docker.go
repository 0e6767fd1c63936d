package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrNoEngine: no Docker engine answers here. Returned by [Run].
var ErrNoEngine = errors.New("no Docker engine answers")

// run runs a command and returns its standard output, trimmed. An error has the end of its
// standard error.
func run(ctx context.Context, stdin io.Reader, env []string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), env...)
	c.Stdin = stdin
	c.WaitDelay = 5 * time.Second
	interruptible(c)
	var out, failure bytes.Buffer
	c.Stdout, c.Stderr = &out, &failure
	if err := c.Run(); err != nil {
		text := strings.TrimSpace(failure.String())
		const shown = 2000
		return strings.TrimSpace(out.String()), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text[max(0, len(text)-shown):])
	}
	return strings.TrimSpace(out.String()), nil
}

// docker runs a command of the engine's client.
func docker(ctx context.Context, args ...string) (string, error) {
	return run(ctx, nil, nil, append([]string{"docker"}, args...)...)
}

// findCompose returns the command of Compose: the plugin, or the program of version 1.
func findCompose(ctx context.Context) ([]string, error) {
	if _, err := docker(ctx, "compose", "version"); err == nil {
		return []string{"docker", "compose"}, nil
	}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		return nil, errors.New("neither `docker compose` nor docker-compose is installed (Debian: docker-compose)")
	}
	return []string{"docker-compose"}, nil
}

// checkEngine fails with ErrNoEngine where none answers.
func checkEngine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := docker(ctx, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return nil
}
