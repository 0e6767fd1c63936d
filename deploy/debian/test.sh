#!/bin/sh
# Installs the package in a container with systemd, starts a site that sells one ticket, upgrades, removes and
# purges it:
#
#   test.sh
#
# It takes a Docker engine, and mmdebstrap the first time; the image stays in the engine.
set -eu
cd "$(dirname "$0")/../.."
image=onsale-test/systemd:1
container=onsale-deb-test-$$
dir=$(mktemp -d)
trap 'docker rm -f "$container" >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

docker info >/dev/null || { echo "deb-test: no Docker engine answers" >&2; exit 1; }
if ! docker image inspect "$image" >/dev/null 2>&1; then
	echo "making a Debian with systemd, redis-server, postgresql and nginx, for the first time"
	mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,redis-server,postgresql,nginx,libnginx-mod-http-lua,curl \
		bookworm "$dir/debian.tar"
	docker import "$dir/debian.tar" "$image" >/dev/null
fi
echo "building two versions of the package"
VERSION=0.1 deploy/debian/build.sh "$dir" >/dev/null
# The second has the same programs.
dpkg-deb -R "$dir"/onsale_0.1_*.deb "$dir/root"
sed -i 's/^Version: .*/Version: 0.2/' "$dir/root/DEBIAN/control"
dpkg-deb --root-owner-group --build "$dir/root" "$dir/onsale_0.2_test.deb" >/dev/null

echo "starting systemd"
docker run -d --name "$container" --cap-add SYS_ADMIN --security-opt seccomp=unconfined --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw \
	--tmpfs /run:exec --tmpfs /run/lock --tmpfs /tmp -e container=docker "$image" /lib/systemd/systemd >/dev/null
docker cp "$dir/." "$container:/root"
docker cp deploy/debian/site.sh "$container:/root/site.sh"
docker cp deploy/roll-machines.sh "$container:/root/roll-machines.sh"
for _ in $(seq 100); do
	case $(docker exec "$container" systemctl is-system-running 2>/dev/null) in running | degraded) break ;; esac
	sleep 0.3
done
docker exec "$container" sh /root/site.sh
