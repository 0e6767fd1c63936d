package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onsale/internal/pause"
)

// tendDaemon is a shell script that stands for an nginx which runs as a daemon: it ends with it, and passes SIGTERM
// on. Only a daemon heeds the signal to replace its program: any other takes its parent for the program before it.
const tendDaemon = `trap 'kill -TERM "$(cat "$1/nginx.pid")"' TERM
"$0" -p "$1" -c nginx.conf -g "daemon on;" || exit
while [ -e "$1/nginx.pid" ] || [ -e "$1/nginx.pid.oldbin" ]; do sleep 0.05 & wait $!; done`

// Upgrade replaces the program of a daemon as its manual has it for upgrades: a new master starts beside the old one
// and takes the sockets over, and then the old workers and their master end gracefully. Connections that are idle are
// closed by that. The new program is the file that the old one was started from.
func (n *Nginx) Upgrade(ctx context.Context) error {
	pid := filepath.Join(n.dir, "nginx", "nginx.pid")
	old, err := pidIn(pid)
	if err != nil {
		return err
	}
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return fmt.Errorf("nginx: replace the program: %w", err)
	}
	// The new master writes its pid file once it serves.
	err = n.Await(ctx, func() error {
		now, err := pidIn(pid)
		if err == nil && now == old {
			err = errors.New("nginx has no new master yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	pause.For(ctx, 200*time.Millisecond) // its workers start
	if err := Get(n.URL() + "/nginx-health"); err != nil {
		return err
	}
	if err := syscall.Kill(old, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("nginx: end the old program: %w", err)
	}
	return n.Await(ctx, func() error {
		if _, err := os.Stat(pid + ".oldbin"); !errors.Is(err, fs.ErrNotExist) {
			return errors.New("nginx's old master has not ended")
		}
		return nil
	})
}

func pidIn(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
