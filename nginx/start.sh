#!/bin/sh
# Starts Nginx in a container. Its prefix is new each time:
#
#   /etc/onsale         the shipped files, in the image
#   /etc/onsale-site    the site's own, where they differ: a copy of nginx/site
#   /var/lib/onsale     the folder to which the allocator writes the nodes (its --peers), and which sales are sold out
set -eu
prefix=/srv/edge
sh /etc/onsale/install.sh --balancer "$prefix"
for own in /etc/onsale-site/*.conf; do
	[ -e "$own" ] || continue
	case ${own##*/} in
	modules.conf | nodes.conf)
		# As shipped they are the choice without the Lua module.
		! cmp -s "$own" "/etc/onsale/site/${own##*/}" || continue
		;;
	esac
	ln -sf "$own" "$prefix/site"
done
# The allocator replaces the file, so the link leads through its folder. Until there is one, no node
# sells, and buyers get a 502 of our own.
ln -sf /var/lib/onsale/peers "$prefix/site"
# So it is with the leases of sales that are sold out.
ln -sfn /var/lib/onsale/soldout "$prefix/site/soldout"
exec nginx -e stderr -p "$prefix" -c nginx.conf -g 'daemon off;'
