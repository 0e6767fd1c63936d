package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
	"onsale/internal/problem"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// The ways in which Nginx can answer "sold out", measured in turns. All give the same bytes and headers.
const (
	wayReturn  = "return alone"
	wayLease   = "lease in a file's name, as shipped"
	wayIf      = "lease, asked by if and return: no limits by address"
	wayNoCache = "lease, without open_file_cache"
	wayCache   = "proxy cache, as before"
)

var ways = []string{wayReturn, wayLease, wayIf, wayNoCache, wayCache}

// maxSoldOutRatio is how many times as much of Nginx's processor the answer as shipped may take as return alone.
const maxSoldOutRatio = 1.25

// The locations of each way but the shipped one, in a server of its own, as site/nodes.conf may have. $soldout, $soldout_lease and
// $second are soldout.conf's.
const (
	location = `location ~ "^/v1/sales/(?<sale>[a-z0-9-]{1,64})/orders$" { `
	headers  = `default_type application/problem+json; include site/headers.conf; add_header X-Request-Id $request_id always; add_header Cache-Control no-store always; `
	answers  = `{ return 409 $soldout; } return 503; }`
)

var wayConfigs = map[string]string{
	wayReturn: location + headers + `return 409 $soldout; }`,
	wayIf:     location + headers + `root site; include leasecache.conf; if (-f $document_root/soldout/$soldout_lease) ` + answers,
	wayNoCache: location + `root site; include errorpages.conf; error_page 405 =409 @soldout; try_files /soldout/$soldout_lease =503; }
		location @soldout { ` + headers + `return 409 $soldout; }`,
	wayCache: location + `rewrite ^ /v1/sales/$sale/orders? break; proxy_cache onsale_soldout; proxy_pass http://onsale_nodes; }
		add_header X-Request-Id $request_id always; add_header Onsale-Retried $onsale_retried always;`,
}

// soldOutWays measures what an answer takes, of a sale that is sold out.
func (e *edge) soldOutWays(ctx context.Context, s *testbed.Site, g *generator.Process, id string, r *edgeResult) error {
	addrs, err := e.serveWays(ctx, s, id)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	leasing, end := context.WithCancel(ctx)
	go func() { done <- leaseToo(leasing, filepath.Join(s.Dir, "nginx", "site", "soldout", id)) }()
	err = e.inTurns(ctx, s, g, addrs, id, r)
	end()
	return errors.Join(err, <-done)
}

// leaseToo keeps the sale's lease beside the allocator, which on a busy machine may come too late: then a node would be measured.
func leaseToo(ctx context.Context, path string) error {
	for pause.For(ctx, 50*time.Millisecond) {
		for i := range int64(2) {
			if err := os.WriteFile(fmt.Sprintf("%s.%d", path, time.Now().Unix()+i), nil, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *edge) inTurns(ctx context.Context, s *testbed.Site, g *generator.Process, addrs map[string]string, id string, r *edgeResult) error {
	micros := map[string][]float64{}
	for run := range e.Runs {
		for i := range ways {
			name := ways[(run+i)%len(ways)] // another one begins each time
			if _, err := e.ask(ctx, s, g, addrs[name], id, e.Requests/10); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			each, err := e.ask(ctx, s, g, addrs[name], id, e.Requests)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			micros[name] = append(micros[name], each)
		}
		logLine(fmt.Sprintf("sold out, turn %d of %d", run+1, e.Runs))
	}
	for _, name := range ways {
		r.SoldOut = append(r.SoldOut, soldOutWay{name, median(micros[name]), ratioOf(name, micros[name], micros[wayReturn], maxSoldOutRatio, false)})
		if ratio := r.SoldOut[len(r.SoldOut)-1].Ratio; name == wayLease && !ratio.kept() {
			r.Missed = append(r.Missed, fmt.Sprintf("sold out takes %.2f times what return takes, want at most %.2f", ratio.Value, ratio.Bound))
		}
	}
	return nil
}

// soldOutWay is one of the ways, measured.
type soldOutWay struct {
	Name   string  `json:"name"`
	Micros float64 `json:"nginx_us"` // median
	Ratio  ratio   `json:"to_return"`
}

// ask sends purchases that all find the sale sold out, and returns what one took of Nginx.
func (e *edge) ask(ctx context.Context, s *testbed.Site, g *generator.Process, addr, id string, requests int) (micros float64, err error) {
	before, err := cpuOf([]int{s.Nginx.Pid()})
	if err != nil {
		return 0, err
	}
	b, err := g.Run(ctx, generator.Order{Addr: addr, Sale: id, Requests: requests, Connections: e.Connections, Timeout: 20 * time.Second})
	if err != nil {
		return 0, err
	}
	if soldOut := b.Latencies[generator.ClassSoldOut].Count(); soldOut != int64(requests) {
		return 0, fmt.Errorf("%d of %d were answered sold out", soldOut, requests)
	}
	after, err := cpuOf([]int{s.Nginx.Pid()})
	return (after - before) / float64(b.Completed) * 1e6, err
}

// serveWays has Nginx serve each way at an address of its own, and returns once all give the same answer.
func (e *edge) serveWays(ctx context.Context, s *testbed.Site, id string) (addrs map[string]string, err error) {
	addrs = map[string]string{wayLease: frontAddr(s)}
	path := filepath.Join(s.Dir, "nginx", "site", "nodes.conf")
	conf, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for name, way := range wayConfigs {
		port, err := process.FreePort()
		if err != nil {
			return nil, err
		}
		addrs[name] = process.Loopback(port)
		conf = fmt.Appendf(conf, "server {\nlisten %s backlog=65535 reuseport;\n%s\n}\n", addrs[name], way)
	}
	if err := os.WriteFile(path, conf, 0o644); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, s.Nginx.Reload[0], s.Nginx.Reload[1:]...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("nginx does not reload: %w: %s", err, out)
	}
	want := string(problem.SoldOut.Document("")) + `,"mine":"/v1/sales/` + id + `/orders/mine"}`
	await, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for name, addr := range addrs {
		for {
			got, err := soldOutFrom(addr, id)
			if err == nil && got == want {
				break
			}
			if !pause.For(await, 50*time.Millisecond) {
				return nil, errors.Join(fmt.Errorf("%s: got %q, want %q", name, got, want), err)
			}
		}
	}
	return addrs, nil
}

// soldOutFrom is what a purchase without a token is answered.
func soldOutFrom(addr, id string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	answer, err := exchange(conn, fmt.Appendf(nil, "POST /v1/sales/%s/orders HTTP/1.1\r\nHost: onsale\r\nContent-Length: 0\r\n\r\n", id))
	if err := errors.Join(err, conn.Close()); err != nil {
		return "", err
	}
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	return body, nil
}

// awaitLease returns once Nginx answers by itself that the sale is sold out.
func awaitLease(ctx context.Context, s *testbed.Site, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		found, err := filepath.Glob(filepath.Join(s.Dir, "nginx", "site", "soldout", id+".*"))
		switch {
		case err != nil:
			return err
		case len(found) > 0:
			pause.For(ctx, 1100*time.Millisecond) // a worker may know that this second has none
			return ctx.Err()
		}
		if !pause.For(ctx, 50*time.Millisecond) {
			return errors.New("sale " + id + " has no lease at the edge")
		}
	}
}
