// Package nginx carries the Nginx configuration, for the commands and tests that start
// an Nginx of their own: lay the files with [Lay], overwrite those in site/ as needed, and run
// `nginx -p prefix -c nginx.conf`.
//
// Started by root, Nginx drops its workers to an unprivileged user, who must be able to
// enter the prefix and every folder above it. Otherwise all works but the sold-out
// cache, which then only logs "Permission denied".
package nginx

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files are nginx.conf and everything that it includes; in site/ what a site makes its own, and in
// balancer/ what takes its place there for the Lua module.
//
//go:embed *.conf *.lua site balancer
var Files embed.FS

// ListenTLS is tls/listen.conf, which a site with TLS has in the place of site/listen.conf.
//
//go:embed tls/listen.conf
var ListenTLS string

// Lay copies the files into a prefix that has none of them. With balancer Nginx takes its nodes
// from site/peers, which needs the Lua module.
func Lay(prefix string, balancer bool) error {
	if err := os.CopyFS(prefix, Files); err != nil || !balancer {
		return err
	}
	if _, err := os.Stat(LuaModule); err != nil {
		return fmt.Errorf("the Lua module of nginx is missing, install it with `apt-get install libnginx-mod-http-lua`: %w", err)
	}
	var err error
	for _, name := range []string{"modules.conf", "nodes.conf"} {
		text, rerr := Files.ReadFile("balancer/" + name)
		err = errors.Join(err, rerr, os.WriteFile(filepath.Join(prefix, "site", name), text, 0o644))
	}
	return err
}

// LuaModule is where Debian has the module that balancer/modules.conf loads.
const LuaModule = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
