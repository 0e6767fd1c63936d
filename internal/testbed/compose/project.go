package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"onsale/internal/pause"
	"onsale/internal/testbed/process"
)

// project is the stack under a name of its own.
type project struct {
	root    string   // the repository's folder
	name    string   // of the project
	command []string // Compose
	env     []string // the variables of docker-compose.yml
	secrets string   // folder
	fronts  []string // host:port of each Nginx
	metrics string   // host:port of Prometheus
}

// allocators are the services, one for each Nginx.
var allocators = []string{"allocator", "allocator-b"}

// newProject makes the secrets and takes free ports. dir is a temporary folder.
func newProject(ctx context.Context, root, dir string) (*project, error) {
	p := &project{root: root, name: "onsale-test-" + strconv.Itoa(os.Getpid()), secrets: filepath.Join(dir, "secrets")}
	var err error
	if p.command, err = findCompose(ctx); err != nil {
		return nil, err
	}
	if _, err := run(ctx, nil, nil, "make", "-s", "-C", root, "secrets", "SECRETS="+p.secrets); err != nil {
		return nil, err
	}
	site := filepath.Join(dir, "site")
	if err := exempt(root, site); err != nil {
		return nil, err
	}
	p.env = append(imageVariables(), "ONSALE_SECRETS="+p.secrets, "ONSALE_NGINX_SITE="+site, "COMPOSE_PROJECT_NAME="+p.name)
	file, err := os.ReadFile(p.file())
	if err != nil {
		return nil, err
	}
	for _, variable := range []string{
		"ONSALE_PORT", "ONSALE_PORT_B", "ONSALE_ADMIN_PORT", "ONSALE_ADMIN_PORT_B", "ONSALE_PROMETHEUS_PORT", "ONSALE_ALERTMANAGER_PORT", "ONSALE_GRAFANA_PORT",
	} {
		count, err := published(string(file), variable)
		if err != nil {
			return nil, err
		}
		port, err := freePorts(count)
		if err != nil {
			return nil, err
		}
		value := strconv.Itoa(port)
		if count > 1 {
			value += "-" + strconv.Itoa(port+count-1)
		}
		p.env = append(p.env, variable+"="+value)
		switch addr := process.Loopback(port); variable {
		case "ONSALE_PORT", "ONSALE_PORT_B":
			p.fronts = append(p.fronts, addr)
		case "ONSALE_PROMETHEUS_PORT":
			p.metrics = addr
		}
	}
	return p, nil
}

// file is the shipped docker-compose.yml.
func (p *project) file() string { return filepath.Join(p.root, "docker-compose.yml") }

// published is how many ports docker-compose.yml names by default in a variable: one, or a range. The test takes as
// many, so that what the file can't do without a setting fails here, too.
func published(file, variable string) (int, error) {
	found := regexp.MustCompile(regexp.QuoteMeta("${"+variable+":-") + `(\d+)(?:-(\d+))?}`).FindStringSubmatch(file)
	if found == nil {
		return 0, fmt.Errorf("docker-compose.yml publishes no port by %s: adapt the test of the stack", variable)
	}
	first, err := strconv.Atoi(found[1])
	if err != nil || found[2] == "" {
		return 1, err
	}
	last, err := strconv.Atoi(found[2])
	return last - first + 1, err
}

// freePorts returns the first of so many free ports in a row.
func freePorts(count int) (int, error) {
	for range 50 {
		first, err := process.FreePort()
		if err != nil {
			return 0, err
		}
		free := 1
		for ; free < count; free++ {
			next, err := net.Listen("tcp", process.Loopback(first+free))
			if err != nil {
				break
			}
			if err := next.Close(); err != nil {
				return 0, err
			}
		}
		if free == count {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row", count)
}

// exempt makes a copy of nginx/site whose limits do not count this machine: whoever comes from it
// has the address of the engine's bridge.
func exempt(root, site string) error {
	if err := os.CopyFS(site, os.DirFS(filepath.Join(root, "nginx", "site"))); err != nil {
		return err
	}
	if err := os.Chmod(site, 0o755); err != nil {
		return err
	}
	file := filepath.Join(site, "limits.conf")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	const loopback = "    127.0.0.0/8 0;\n"
	changed := strings.Replace(string(text), loopback, loopback+"    172.16.0.0/12 0;\n    192.168.0.0/16 0;\n", 1)
	if changed == string(text) {
		return errors.New("nginx/site/limits.conf exempts loopback no longer: adapt the test of the stack")
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}

// compose runs a command of Compose on the shipped file.
func (p *project) compose(ctx context.Context, args ...string) (string, error) {
	command := append(append([]string{}, p.command...), "--project-directory", p.root, "-f", p.file())
	return run(ctx, nil, p.env, append(command, args...)...)
}

// scale brings the project up with so many nodes. What runs stays.
func (p *project) scale(ctx context.Context, nodes int) error {
	_, err := p.compose(ctx, "up", "-d", "--no-build", "--no-recreate", "--scale", "node="+strconv.Itoa(nodes))
	return err
}

// scaleAllocator runs so many containers of the first allocator.
func (p *project) scaleAllocator(ctx context.Context, count int) error {
	_, err := p.compose(ctx, "up", "-d", "--no-build", "--no-deps", "--no-recreate", "--scale", fmt.Sprint("allocator=", count), "allocator")
	return err
}

// down removes all that the project made, also the volumes. It is an error if anything is left. It goes on until
// nothing is for two seconds: after an interrupt the engine still makes what Compose had asked for.
func (p *project) down(ctx context.Context) error {
	for clean := 0; ; {
		_, err := p.compose(ctx, "down", "-v", "-t", "3", "--remove-orphans")
		left := p.left(ctx)
		if clean++; left != nil {
			clean = 0
		}
		if clean == 2 {
			return nil
		}
		if !pause.For(ctx, 2*time.Second) {
			return errors.Join(err, left)
		}
	}
}

// left is an error if anything of the project is left.
func (p *project) left(ctx context.Context) error {
	var errs []error
	for _, list := range [][]string{{"ps", "-aq"}, {"volume", "ls", "-q"}, {"network", "ls", "-q"}} {
		found, err := docker(ctx, append(list, "--filter", "label=com.docker.compose.project="+p.name)...)
		if err == nil && found != "" {
			err = fmt.Errorf("docker %s: left of %s: %s", list[0], p.name, strings.Join(strings.Fields(found), " "))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// containers are the ids of a service's containers that run.
func (p *project) containers(ctx context.Context, service string) ([]string, error) {
	out, err := docker(ctx, "ps", "-q", "--filter", "label=com.docker.compose.project="+p.name, "--filter", "label=com.docker.compose.service="+service)
	return strings.Fields(out), err
}

// one is the id of the only container of a service.
func (p *project) one(ctx context.Context, service string) (string, error) {
	all, err := p.containers(ctx, service)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%s has %d containers that run, want 1", service, len(all))
	}
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// crash kills a container's process from outside, as a fault would: docker kill would count as an
// operator's stop, after which the restart policy does nothing.
func (p *project) crash(ctx context.Context, id string) error {
	pid, err := docker(ctx, "inspect", "-f", "{{.State.Pid}}", id)
	if err != nil {
		return err
	}
	_, err = docker(ctx, "run", "--rm", "--pid=host", "--network=none", nginxName, "sh", "-c", "kill -9 "+pid)
	return err
}

// started is when a container was started last.
func started(ctx context.Context, id string) (time.Time, error) {
	text, err := docker(ctx, "inspect", "-f", "{{.State.StartedAt}}", id)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, text)
}

// address is where this machine reaches a container; empty while it has no network.
func address(ctx context.Context, id string) (string, error) {
	return docker(ctx, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id)
}

// await looks until ok, at most for the limit, and returns how long it took.
func await(ctx context.Context, limit time.Duration, what string, ok func(context.Context) bool) (time.Duration, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !ok(ctx) {
		if !pause.For(ctx, 20*time.Millisecond) {
			return 0, fmt.Errorf("waited %v for: %s", limit, what)
		}
	}
	return time.Since(begin), nil
}
