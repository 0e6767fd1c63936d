package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PgBouncer is a private PgBouncer before a PostgreSQL: each transaction gets the next free one
// of a few connections.
type PgBouncer struct {
	*Process
	Port     int
	postgres *Postgres
}

// StartPgBouncer starts one on a free port, with so many connections for each database. PgBouncer
// refuses to run as root, so root's runs as PostgreSQL's user, in the folder that this one may enter.
func StartPgBouncer(ctx context.Context, postgres *Postgres, connections int) (*PgBouncer, error) {
	path, err := Find("pgbouncer", "pgbouncer")
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{postgres: postgres}
	if b.Port, err = FreePort(); err != nil {
		return nil, err
	}
	dir, name := postgres.dir, "pgbouncer-"+strconv.Itoa(b.Port)
	config, users := filepath.Join(dir, name+".ini"), filepath.Join(dir, name+".users")
	settings := []string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d", postgres.Port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(b.Port), "unix_socket_dir =",
		"auth_type = plain", "auth_file = " + users,
		"pool_mode = transaction", "default_pool_size = " + strconv.Itoa(connections),
	}
	for path, content := range map[string]string{
		config: strings.Join(settings, "\n") + "\n",
		users:  fmt.Sprintf("%q %q\n", "onsale", postgres.password),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
		if as := postgres.as; as != nil {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return nil, err
			}
		}
	}
	if b.Process, err = startAs(postgres.as, dir, name, path, []string{config}, nil, syscall.SIGKILL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := b.Await(ctx, b.listens); err != nil {
		return nil, errors.Join(err, b.Kill())
	}
	return b, nil
}

func (b *PgBouncer) listens() error {
	conn, err := net.Dial("tcp", Loopback(b.Port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// URL is where clients find a database of the PostgreSQL behind it, with the password in it.
func (b *PgBouncer) URL(database string) string {
	return fmt.Sprintf("postgres://onsale:%s@%s/%s?sslmode=disable", b.postgres.password, Loopback(b.Port), database)
}
