#!/bin/sh
# Lays the shipped configuration into a prefix, at first and again at every upgrade:
#
#   install.sh [--balancer | --rendered] PREFIX
#
# What is the site's own, in PREFIX/site, is made where it is missing and never changed
# after that. Then test and reload: nginx -p PREFIX -c nginx.conf -t && ... -s reload
#
# --balancer has Nginx take its nodes without a reload. It needs the Lua module (Debian:
# libnginx-mod-http-lua), and the allocator's --peers PREFIX/site/peers. --rendered goes back to
# --upstream PREFIX/site/upstream.conf. Both write PREFIX/site/modules.conf and nodes.conf, unless
# the site has changed them. Without either, a new prefix gets --rendered, and another one stays as it is.
set -eu
from=$(dirname "$0")
choice=
case ${1-} in
--balancer) choice=$from/balancer; shift ;;
--rendered) choice=$from/site; shift ;;
esac
to=${1:?name the folder: install.sh [--balancer | --rendered] PREFIX}

if [ "$choice" = "$from/balancer" ]; then
	module=$(sed -n 's/^load_module \(.*lua.*\);/\1/p' "$choice/modules.conf")
	if [ ! -e "$module" ]; then
		echo "install.sh: $module is missing: apt-get install libnginx-mod-http-lua" >&2
		exit 1
	fi
fi

mkdir -p "$to/site"
if [ -n "$choice" ]; then
	for name in modules.conf nodes.conf; do
		own=$to/site/$name
		if [ ! -e "$own" ] || cmp -s "$own" "$from/site/$name" || cmp -s "$own" "$from/balancer/$name"; then
			cp "$choice/$name" "$own"
		else
			echo "install.sh: $own is the site's own: take over what $choice/$name has" >&2
			exit 1
		fi
	done
fi
for file in "$from"/site/*; do
	own=$to/site/${file##*/}
	# A link that leads nowhere yet is the site's own too.
	[ -e "$own" ] || [ -L "$own" ] || cp "$file" "$own"
done
cp "$from"/*.conf "$from"/*.lua "$to"

# The allocator writes beside its file of nodes which sales are sold out. Where that file is elsewhere, a link to it, the leases are too.
for nodes in peers upstream.conf; do
	[ -L "$to/site/$nodes" ] && [ ! -e "$to/site/soldout" ] && [ ! -L "$to/site/soldout" ] || continue
	ln -s "$(dirname "$(readlink "$to/site/$nodes")")/soldout" "$to/site/soldout"
done

# The pages for browsers: beside these files where they are packed, and beside their folder in the source.
web=$from/web
[ -d "$web" ] || web=$from/../web
mkdir -p "$to/web"
cp "$web"/*.html "$to/web"
cp -R "$web/assets" "$web/problems" "$to/web"
