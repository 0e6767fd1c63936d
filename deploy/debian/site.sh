#!/bin/sh
# What test.sh does in its container, as root: /root has the packages.
set -eu
step() { echo "-- $*"; }
fail() {
	echo "deb-test: $*" >&2
	journalctl --no-pager -n 40 -u 'onsale-*' >&2
	exit 1
}
relax() { # a container that may not make user namespaces can't try PrivateUsers
	for unit in "$@"; do
		mkdir -p "/etc/systemd/system/$unit.service.d"
		printf '[Service]\nPrivateUsers=no\n' >"/etc/systemd/system/$unit.service.d/container.conf"
	done
	systemctl daemon-reload
}
site="onsale-ledger onsale-allocator onsale-node"

step "install: nothing is started"
dpkg -i /root/onsale_0.1_*.deb >/dev/null
for unit in $site onsale-nginx; do
	! systemctl is-active --quiet $unit || fail "$unit runs before it is configured"
	! systemctl is-enabled --quiet $unit || fail "$unit is enabled before it is configured"
done
for file in node allocator ledger onsale; do
	[ "$(stat -c '%a %U:%G' /etc/onsale/$file.yaml)" = "640 root:onsale" ] || fail "$file.yaml is $(stat -c '%a %U:%G' /etc/onsale/$file.yaml)"
done
systemd-analyze verify /usr/lib/systemd/system/onsale-*.service || fail "systemd-analyze verify"
for unit in $site; do
	systemd-analyze security --no-pager --threshold=20 $unit.service | tail -1 || fail "$unit is exposed more than 2.0"
done

step "a wrong setting: no second try"
relax $site redis-server
echo "wieght: 3" >>/etc/onsale/node.yaml
! systemctl start onsale-node 2>/dev/null || fail "a node starts with a wrong setting"
[ "$(systemctl show -P ExecMainStatus onsale-node) $(systemctl is-active onsale-node || true)" = "78 failed" ] || fail "want the status 78 and no restart"
journalctl -u onsale-node | grep -q 'did you mean "weight"' || fail "the log does not name what was meant"
sed -i '/wieght/d' /etc/onsale/node.yaml
systemctl reset-failed onsale-node

step "configure and start"
/usr/share/onsale/secrets.sh /etc/onsale/secrets
chown -R root:onsale /etc/onsale/secrets
chmod 750 /etc/onsale/secrets
printf 'appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite no\nmaxmemory-policy noeviction\nrequirepass geheim\n' >>/etc/redis/redis.conf
systemctl restart redis-server
password=$(cat /etc/onsale/secrets/database-password)
su postgres -c "psql -q" <<SQL
CREATE ROLE onsale LOGIN PASSWORD '$password';
CREATE DATABASE onsale OWNER onsale;
SQL
for file in node allocator ledger onsale; do
	echo "redis-password: geheim" >>/etc/onsale/$file.yaml
done
echo "gossip-seeds: 127.0.0.1:7946" >>/etc/onsale/node.yaml
echo "gossip-bind: 0.0.0.0:7947" >>/etc/onsale/node.yaml
for file in ledger onsale; do
	echo "database-url: postgres://onsale:$password@127.0.0.1:5432/onsale" >>/etc/onsale/$file.yaml
done
sh /usr/share/onsale/nginx/install.sh --balancer /srv/onsale
ln -sf /var/lib/onsale/peers /srv/onsale/site/peers
ln -sfn /var/lib/onsale/soldout /srv/onsale/site/soldout
systemctl enable --now $site onsale-nginx 2>/dev/null || fail "a unit does not start"
for program in node allocator ledger; do
	# What it has at last is what the container's own limit leaves.
	limit=$(systemctl show -P LimitNOFILE onsale-$program)
	[ "$limit" -ge 65536 ] || fail "onsale-$program may open $limit files"
done

step "sell the one ticket"
onsale sale create demo --title Demo --currency EUR --price 100 --total 1 --limit 1 >/dev/null
token=$(onsale token --keys /etc/onsale/secrets/token-keys.json)
buy() {
	curl -s -m 10 -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"quantity":1}' http://127.0.0.1:8080/v1/sales/demo/orders
}
for _ in $(seq 50); do
	answer=$(buy || true)
	case $answer in *'"id"'*) break ;; esac
	sleep 0.2
done
order=$(echo "$answer" | sed 's/.*"id":"\([^"]*\)".*/\1/')
onsale pay "$order" --sale demo --secrets /etc/onsale/secrets/webhook-secrets >/dev/null || fail "the order is not paid: $order"

step "sold out is answered beside Nginx"
for _ in $(seq 50); do
	buy >/dev/null || true
	[ -z "$(ls /srv/onsale/site/soldout/demo.* 2>/dev/null)" ] || break
	sleep 0.2
done
ls /srv/onsale/site/soldout/demo.* >/dev/null || fail "the allocator writes no lease"

step "restart the node: it returns once it sells"
sh /root/roll-machines.sh local
onsale-node --probe >/dev/null || fail "the node is not ready after systemctl restart"

step "upgrade: what runs is restarted, settings stay"
echo "# the site's own" >>/etc/onsale/node.yaml
before=$(systemctl show -P MainPID onsale-node)
dpkg -i /root/onsale_0.2_test.deb >/dev/null
[ "$(systemctl show -P MainPID onsale-node)" != "$before" ] || fail "the node was not restarted"
systemctl is-active --quiet $site || fail "not all run after the upgrade"
grep -q "the site's own" /etc/onsale/node.yaml || fail "the upgrade has changed node.yaml"
onsale audit demo || fail "the audit found a fault"
journalctl -u onsale-node | grep -q '"draining"' || fail "the node did not drain"

step "remove: units end, settings stay"
dpkg -r onsale >/dev/null
for unit in $site; do
	! systemctl is-active --quiet $unit || fail "$unit runs on"
done
[ -e /etc/onsale/node.yaml ] || fail "the settings are gone"

step "purge"
dpkg -P onsale >/dev/null 2>&1
[ ! -e /etc/onsale/node.yaml ] && [ ! -e /var/lib/onsale ] || fail "settings or data are left"
[ -e /etc/onsale/secrets/token-keys.json ] || fail "the site's secrets are gone"
echo "deb-test: installed, sold, upgraded, removed and purged"
