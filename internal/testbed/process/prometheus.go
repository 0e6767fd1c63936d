package process

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"
)

// Prometheus is a private Prometheus, or an Alertmanager, on a free port.
type Prometheus struct {
	*Process
	Port int
}

// StartPrometheus starts one by a configuration file, with its data and its log below dir.
func StartPrometheus(ctx context.Context, dir, config string) (*Prometheus, error) {
	return StartPrometheusOn(ctx, dir, config, "")
}

// StartPrometheusOn starts one on data that is there, such as promtool has made.
func StartPrometheusOn(ctx context.Context, dir, config, data string) (*Prometheus, error) {
	return startMonitor(ctx, dir, "prometheus", func(own, addr string) []string {
		return []string{"--config.file", config, "--storage.tsdb.path", cmp.Or(data, own), "--web.listen-address", addr, "--log.level", "warn"}
	})
}

// StartAlertmanager starts one by a configuration file, with its data and its log below dir. It
// has no peers.
func StartAlertmanager(ctx context.Context, dir, config string) (*Prometheus, error) {
	return startMonitor(ctx, dir, "prometheus-alertmanager", func(data, addr string) []string {
		return []string{"--config.file", config, "--storage.path", data, "--web.listen-address", addr, "--cluster.listen-address", "", "--log.level", "warn"}
	})
}

// startMonitor starts a program of the Debian package of its name.
func startMonitor(ctx context.Context, dir, program string, args func(data, addr string) []string) (*Prometheus, error) {
	path, err := Find(program, program)
	if err != nil {
		return nil, err
	}
	p := &Prometheus{}
	if p.Port, err = FreePort(); err != nil {
		return nil, err
	}
	name := program + "-" + strconv.Itoa(p.Port)
	if p.Process, err = Start(dir, name, path, args(filepath.Join(dir, name), p.Addr())); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := p.Await(ctx, func() error { return Get(p.URL() + "/-/ready") }); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// Addr is the server's host:port.
func (p *Prometheus) Addr() string { return Loopback(p.Port) }

// URL is where its API is found.
func (p *Prometheus) URL() string { return "http://" + p.Addr() }
