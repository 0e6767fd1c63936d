package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"onsale/nginx"
	"onsale/web"
)

// Nginx is a private nginx with the configuration that the project ships.
type Nginx struct {
	*Process
	Port     int
	Upstream string   // the file that an allocator renders
	Peers    string   // or the file of peers that it writes; one of the two is empty
	Test     []string // the command that tests the configuration
	Reload   []string // the command that has nginx read it again
	command  []string
	dir      string
}

// StartNginx lays the shipped configuration below dir and starts nginx on the
// port of 127.0.0.1, or on a free one for 0. The folder must be open to the
// user that nginx gives its workers.
func StartNginx(ctx context.Context, dir string, port int) (*Nginx, error) {
	return NginxKind{}.Start(ctx, dir, port)
}

// StartBalancer is StartNginx of one with the Lua module, which takes its nodes without a reload.
func StartBalancer(ctx context.Context, dir string, port int) (*Nginx, error) {
	return NginxKind{Balancer: true}.Start(ctx, dir, port)
}

// NginxKind is how an nginx runs.
type NginxKind struct {
	Balancer bool // with the Lua module, it takes its nodes without a reload
	Daemon   bool // its program can be replaced: Upgrade
}

// Start is [StartNginx] of this kind.
func (k NginxKind) Start(ctx context.Context, dir string, port int) (*Nginx, error) {
	path, err := Find("nginx", "nginx")
	if err != nil {
		return nil, err
	}
	if port == 0 {
		if port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	prefix := filepath.Join(dir, "nginx")
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return nil, err
	}
	if err := errors.Join(nginx.Lay(prefix, k.Balancer), os.CopyFS(filepath.Join(prefix, "web"), web.Files)); err != nil {
		return nil, err
	}
	listen := "listen 127.0.0.1:" + strconv.Itoa(port) + " backlog=65535 reuseport;\n"
	if err := os.WriteFile(filepath.Join(prefix, "site", "listen.conf"), []byte(listen), 0o644); err != nil {
		return nil, err
	}
	command := []string{path, "-p", prefix, "-c", "nginx.conf"}
	n := &Nginx{
		Port: port, Upstream: filepath.Join(prefix, "site", "upstream.conf"), dir: dir, command: command,
		Test:   append(command[:len(command):len(command)], "-t", "-q"),
		Reload: append(command[:len(command):len(command)], "-s", "reload"),
	}
	if k.Balancer {
		n.Upstream, n.Peers = "", filepath.Join(prefix, "site", "peers")
	}
	args := append(command[1:len(command):len(command)], "-g", "daemon off;")
	if k.Daemon {
		path, args = "/bin/sh", []string{"-c", tendDaemon, path, prefix}
	}
	// Killed, nginx would leave its workers behind, and they the port taken.
	if n.Process, err = start(dir, "nginx", path, args, nil, syscall.SIGTERM); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := n.Await(ctx, func() error { return Get(n.URL() + "/nginx-health") }); err != nil {
		return nil, errors.Join(err, n.Kill())
	}
	return n, nil
}

// URL is where buyers find the front.
func (n *Nginx) URL() string { return "http://" + Loopback(n.Port) }

// prober makes a connection for each probe: one that is kept would know a
// single worker of Nginx's, and of a reload only the worker that is leaving.
var prober = &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Fetch returns what the URL answers, whatever the status.
func Fetch(url string) (status int, body []byte, err error) {
	r, err := prober.Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// Get succeeds if the URL answers 200.
func Get(url string) error {
	status, _, err := Fetch(url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, status)
	}
	return err
}
