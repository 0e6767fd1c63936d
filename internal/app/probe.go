package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// probeTimeout bounds the probe of a program on this machine. Raised, a health check learns later of a
// program that hangs; lowered, a busy machine makes a program look unhealthy.
const probeTimeout = 2 * time.Second

// Configuration is a program's command line. It knows the address of the program's admin port.
type Configuration interface{ AdminAddress() string }

// probe asks the program that runs with an admin port, and writes the first line of the answer.
// It returns an error if the program is not ready or does not answer.
func probe(ctx context.Context, admin string, out io.Writer) error {
	ready, line, err := readiness(ctx, admin)
	if err == nil && !ready {
		return errors.New(line)
	}
	if err == nil {
		_, err = fmt.Fprintln(out, line)
	}
	return err
}

// readiness asks the /readyz of an admin port, and returns the first line of the answer. An error: there was none.
func readiness(ctx context.Context, admin string) (ready bool, line string, err error) {
	host, port, err := net.SplitHostPort(admin)
	if err != nil {
		return false, "", fmt.Errorf("probe: --admin %q: %w", admin, err)
	}
	// An address to listen on everywhere is none to connect to. [::] takes IPv4 as well.
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return false, "", fmt.Errorf("probe: %w", err)
	}
	// A proxy of the environment is not the way to this machine.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(ask)
	if err != nil {
		return false, "", fmt.Errorf("probe: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return false, "", fmt.Errorf("probe: %w", err)
	}
	line, _, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	return answer.StatusCode == http.StatusOK, line, nil
}
