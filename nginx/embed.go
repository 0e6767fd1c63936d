// Package nginx carries the Nginx configuration, for the commands and tests that start
// an Nginx of their own: lay the files with os.CopyFS(prefix, nginx.Files), overwrite
// those in site/ as needed, and run `nginx -p prefix -c nginx.conf`.
//
// Started by root, Nginx drops its workers to an unprivileged user, who must be able to
// enter the prefix and every folder above it. Otherwise all works but the sold-out
// cache, which then only logs "Permission denied".
package nginx

import "embed"

// Files are nginx.conf and everything that it includes; in site/ what a site makes its own.
//
//go:embed *.conf site
var Files embed.FS
