package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Redis is a private redis-server with the durability that the design asks
// for: an acknowledged write has been fsynced.
type Redis struct {
	*Process
	Port  int
	Clock *WallClock // the server's own; nil: this machine's
	dir   string     // of the log
	data  string
	args  []string
}

// StartRedis starts redis-server on a free port with its data below dir.
// Extra arguments come last and win.
func StartRedis(ctx context.Context, dir string, extra ...string) (*Redis, error) {
	r, err := newRedis(dir, extra...)
	if err != nil {
		return nil, err
	}
	if err := r.Restart(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// StartRedisByClock is StartRedis for a server with a wall clock of its own, which needs a C
// compiler.
func StartRedisByClock(ctx context.Context, dir string, extra ...string) (*Redis, error) {
	clock, err := newWallClock(ctx, dir)
	if err != nil {
		return nil, err
	}
	r, err := newRedis(dir, extra...)
	if err != nil {
		return nil, err
	}
	r.Clock = clock
	if err := r.Restart(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// newRedis makes what StartRedis starts. The server has a configuration file,
// which is empty. What another program makes of it, such as a replica,
// it can record there (CONFIG REWRITE) and is again after a restart.
func newRedis(dir string, extra ...string) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "redis-"+strconv.Itoa(port))
	if err := os.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	r := &Redis{Port: port, dir: dir, data: name}
	r.args = append([]string{
		r.file(), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", name,
		"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no",
		"--maxmemory-policy", "noeviction", "--save", "",
	}, extra...)
	return r, os.WriteFile(r.file(), nil, 0o644)
}

// file is the server's configuration file, beside its data.
func (r *Redis) file() string { return r.data + ".conf" }

// Restart starts the server again on its own port and disk, after Kill or Stop.
func (r *Redis) Restart(ctx context.Context) error {
	path, err := Find("redis-server", "redis-server")
	if err != nil {
		return err
	}
	if r.Process, err = Start(r.dir, "redis-"+strconv.Itoa(r.Port), path, r.args, r.Clock.env()...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := r.Await(ctx, r.ping); err != nil {
		return errors.Join(err, r.Kill())
	}
	return nil
}

// Kill is the kill of the server and of the child that rewrites its log, which would write into its
// folder for a moment longer. It returns once neither does.
func (r *Redis) Kill() error {
	if err := syscall.Kill(-r.Pid(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", r.Name, err)
	}
	<-r.Done()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if errors.Is(syscall.Kill(-r.Pid(), 0), syscall.ESRCH) {
			return nil
		}
	}
	return fmt.Errorf("%s was killed, but processes of its group %d are still there", r.Name, r.Pid())
}

// RestartWith is Restart with more arguments, which win and stay.
func (r *Redis) RestartWith(ctx context.Context, args ...string) error {
	r.args = append(r.args, args...)
	return r.Restart(ctx)
}

// RestartEmpty is Restart on a disk that has lost everything but the server's
// configuration, and its identity in a Redis Cluster.
func (r *Redis) RestartEmpty(ctx context.Context) error {
	entries, err := os.ReadDir(r.data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "nodes.conf" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.data, e.Name())); err != nil {
			return err
		}
	}
	return r.Restart(ctx)
}

// Addr is the server's host:port.
func (r *Redis) Addr() string { return Loopback(r.Port) }

// ping succeeds once the server has loaded its data.
func (r *Redis) ping() error {
	conn, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	if got := string(answer[:n]); got != "+PONG\r\n" {
		return fmt.Errorf("redis answers %q to PING", got)
	}
	return nil
}
