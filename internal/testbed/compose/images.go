package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed standin
var standin embed.FS

// The images that docker-compose.yml is given. They stay in the engine for the next run.
const (
	programsName     = "onsale-test/programs"
	redisName        = "onsale-test/redis"
	postgresName     = "onsale-test/postgres"
	nginxName        = "onsale-test/nginx"
	prometheusName   = "onsale-test/prometheus"
	alertmanagerName = "onsale-test/alertmanager"
	grafanaName      = "onsale-test/grafana"
	debianName       = "onsale-test/debian"
)

// imageVariables name the images, as docker-compose.yml reads them.
func imageVariables() []string {
	return []string{
		"ONSALE_IMAGE=" + programsName, "REDIS_IMAGE=" + redisName, "POSTGRES_IMAGE=" + postgresName, "NGINX_IMAGE=" + nginxName,
		"PROMETHEUS_IMAGE=" + prometheusName, "ALERTMANAGER_IMAGE=" + alertmanagerName, "GRAFANA_IMAGE=" + grafanaName,
	}
}

// bootstrap makes a Debian of the packages that stand-ins need, without what is only to be read or shown,
// and without PostgreSQL's compiler: that is more than half of it. PostgreSQL's package would make a
// cluster that nobody uses. The folders are those of the public images' users.
var bootstrap = []string{
	"mmdebstrap", "--quiet", "--variant=minbase", "--include=redis-server,postgresql,nginx,libnginx-mod-http-lua,curl,prometheus,prometheus-alertmanager",
	"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-exclude=/usr/share/javascript/*", "--dpkgopt=path-exclude=/usr/share/nodejs/*", "--dpkgopt=path-exclude=/usr/share/i18n/*",
	"--dpkgopt=path-exclude=/usr/lib/*/libLLVM*", "--dpkgopt=path-exclude=/usr/lib/*/libz3*", "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/llvmjit*",
	"--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/bitcode/*",
	`--customize-hook=install -d -o 65534 "$1/prometheus" "$1/alertmanager" && install -d -o 472 "$1/var/lib/grafana"`,
	`--essential-hook=mkdir -p "$1/etc/postgresql-common/createcluster.d" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.d/none.conf"`,
	"bookworm",
}

// standins are the Dockerfiles of the stand-ins, behind FROM. They run as the public images' users do.
var standins = map[string]string{
	redisName:        "WORKDIR /data\nCOPY redis.sh /\nENTRYPOINT [\"/redis.sh\"]\n",
	postgresName:     "ENV PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin\nCOPY postgres.sh /\nENTRYPOINT [\"/postgres.sh\"]\nCMD [\"postgres\"]\n",
	prometheusName:   "WORKDIR /prometheus\nUSER nobody\nENTRYPOINT [\"prometheus\"]\n",
	alertmanagerName: "WORKDIR /alertmanager\nUSER nobody\nENTRYPOINT [\"prometheus-alertmanager\"]\n",
	grafanaName:      "COPY grafana.sh /\nUSER 472:0\nENTRYPOINT [\"/grafana.sh\"]\n",
}

// buildImages makes the images. root is the repository's, dir a temporary folder.
func buildImages(ctx context.Context, root, dir string, log func(string)) error {
	base, err := debian(ctx, dir, log)
	if err != nil {
		return err
	}
	log("building the stand-ins of redis, postgres, prometheus, alertmanager and grafana")
	for name, file := range standins {
		content, err := buildContext("FROM " + base + "\n" + file)
		if err != nil {
			return err
		}
		if err := build(ctx, content, name, "-"); err != nil {
			return err
		}
	}
	log("building Nginx as shipped, on that Debian")
	if err := build(ctx, nil, nginxName, "--network=host", "--build-arg=DEBIAN_IMAGE="+base, "-f", filepath.Join(root, "nginx", "Dockerfile"), root); err != nil {
		return err
	}
	log("building node, allocator, ledger and onsale")
	return programs(ctx, root, dir)
}

// build makes an image by a Dockerfile. The engine's own builder needs no plugin of the client.
func build(ctx context.Context, content io.Reader, name string, args ...string) error {
	_, err := run(ctx, content, []string{"DOCKER_BUILDKIT=0"}, append([]string{"docker", "build", "-q", "-t", name}, args...)...)
	return err
}

// debian returns the name of an image with all packages, which changes with them. It is made once.
func debian(ctx context.Context, dir string, log func(string)) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(bootstrap, " ")))
	name := debianName + ":" + hex.EncodeToString(sum[:6])
	if _, err := docker(ctx, "image", "inspect", name); err == nil {
		return name, nil
	}
	if _, err := exec.LookPath(bootstrap[0]); err != nil {
		return "", fmt.Errorf("%w (Debian: mmdebstrap)", err)
	}
	log("making a Debian of the servers' packages, for the first time")
	file := filepath.Join(dir, "debian.tar")
	if _, err := run(ctx, nil, nil, append(slices.Clone(bootstrap), file, mirror(ctx))...); err != nil {
		return "", err
	}
	_, err := docker(ctx, "import", file, name)
	return name, err
}

// mirror is where apt takes Debian's packages from on this machine.
func mirror(ctx context.Context) string {
	lines, err := run(ctx, nil, nil, "apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages")
	if err == nil {
		for line := range strings.Lines(lines) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "Debian" {
				return f[1]
			}
		}
	}
	return "http://deb.debian.org/debian"
}

// buildContext is what docker build reads: a Dockerfile and the stand-ins' scripts.
func buildContext(dockerfile string) (*bytes.Buffer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	if err := add("Dockerfile", []byte(dockerfile)); err != nil {
		return nil, err
	}
	scripts, err := standin.ReadDir("standin")
	if err != nil {
		return nil, err
	}
	for _, s := range scripts {
		content, err := standin.ReadFile("standin/" + s.Name())
		if err != nil {
			return nil, err
		}
		if err := add(s.Name(), content); err != nil {
			return nil, err
		}
	}
	return &b, w.Close()
}

// programs makes the image as the last stage of the Dockerfile does: the programs, an allocator's
// folder, a user without rights, and nothing else.
func programs(ctx context.Context, root, dir string) error {
	at := filepath.Join(dir, "programs")
	bin := filepath.Join(at, "usr/local/bin")
	folder := filepath.Join(at, "var/lib/onsale")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if _, err := run(ctx, nil, []string{"CGO_ENABLED=0"}, "go", "-C", root, "build", "-trimpath", "-ldflags=-s -w", "-o", bin+"/", "./cmd/..."); err != nil {
		return err
	}
	file := filepath.Join(dir, "programs.tar")
	if _, err := run(ctx, nil, nil, "tar", "-C", at, "--owner=65532", "--group=65532", "-cf", file, "."); err != nil {
		return err
	}
	old, _ := docker(ctx, "image", "inspect", "-f", "{{.Id}}", programsName) // there may be none
	_, err := docker(ctx, "import", "--change", "USER 65532:65532", "--change", "ENV PATH=/usr/local/bin", "--change", `CMD ["onsale","--help"]`, file, programsName)
	if err == nil && old != "" {
		// It has no name any more, and each run would leave one. Another run may still use it.
		_, _ = docker(ctx, "image", "rm", old)
	}
	return err
}
