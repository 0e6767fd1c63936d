#!/bin/sh
# Builds the Debian package, for the processor that Go builds for:
#
#   build.sh FOLDER        makes FOLDER/onsale_VERSION_ARCH.deb, and prints its path
#
# VERSION is the package's; without it, it is made of the commit and of its time, so that a later commit is newer.
set -eu
to=$(mkdir -p "${1:?name the folder: build.sh FOLDER}" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
GO=${GO:-go}

commit=$(git describe --always --abbrev=12 --exclude '*' --dirty=+ 2>/dev/null || echo unknown)
if [ -z "${VERSION:-}" ]; then
	VERSION=0.0~$(git log -1 --format=%cd --date=format:%Y%m%d%H%M%S).$(git rev-parse --short=12 HEAD)
fi
goarch=$($GO env GOARCH)
case $goarch in
386) arch=i386 ;;
arm) arch=armhf ;;
*) arch=$goarch ;;
esac

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root" # of the package's /
for program in onsale node allocator ledger; do
	# nodejs has a program that is named node.
	name=onsale-$program
	[ "$program" != onsale ] || name=onsale
	CGO_ENABLED=0 $GO build -trimpath -ldflags "-s -w -X onsale/internal/app.commit=$commit" -o "$root/usr/bin/$name" "./cmd/$program"
done
install -D -m 644 -t "$root/usr/lib/systemd/system" deploy/systemd/*.service
install -D -m 644 deploy/systemd/sysusers.conf "$root/usr/lib/sysusers.d/onsale.conf"
install -D -m 640 -t "$root/etc/onsale" deploy/debian/etc/*.yaml
install -D -m 644 -t "$root/usr/share/onsale/nginx" nginx/*.conf nginx/*.lua
install -D -m 644 -t "$root/usr/share/onsale/nginx/site" nginx/site/*
install -D -m 644 -t "$root/usr/share/onsale/nginx/balancer" nginx/balancer/*
install -D -m 644 -t "$root/usr/share/onsale/nginx/tls" nginx/tls/*
install -D -m 755 -t "$root/usr/share/onsale/nginx" nginx/install.sh
install -D -m 644 -t "$root/usr/share/onsale/nginx/web" web/*.html
cp -R web/assets web/problems "$root/usr/share/onsale/nginx/web"
chmod -R u=rwX,go=rX "$root/usr/share/onsale/nginx/web"
install -D -m 755 -t "$root/usr/share/onsale" deploy/secrets.sh
install -D -m 644 LICENSE "$root/usr/share/doc/onsale/copyright"
install -D -m 644 -t "$root/usr/share/doc/onsale" README.md CHANGELOG.md
install -D -m 755 -t "$root/DEBIAN" deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm
(cd "$root" && find etc -type f | sort | sed 's,^,/,') >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/control" <<END
Package: onsale
Version: $VERSION
Architecture: $arch
Maintainer: onsale maintainers <onsale@localhost>
Section: net
Priority: optional
Depends: systemd (>= 245)
Recommends: nginx, libnginx-mod-http-lua, nftables
Suggests: redis-server, postgresql
Installed-Size: $(du -sk "$root" | cut -f1)
Description: sells tickets: nodes, allocator, ledger and the operator's tool
 When tickets go on sale, a million buyers arrive for ten thousand tickets. onsale sells
 every ticket exactly once and answers everybody else from memory.
 .
 The services are started once their settings in /etc/onsale are made.
END
dpkg-deb --root-owner-group --build "$root" "$to" >/dev/null
echo "$to/onsale_${VERSION}_$arch.deb"
