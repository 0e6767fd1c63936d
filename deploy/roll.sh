#!/bin/sh
# Replaces the nodes' containers one by one while the sale sells, for a new image or new settings:
#
#   docker build -t onsale . && make roll
#
# Each time a new node is started first. Once it is ready, an old one is stopped: it leaves the
# upstream, serves on while Nginx follows, and ends. So there are never fewer nodes than before.
# COMPOSE is the command, and Compose reads its own variables, such as COMPOSE_PROJECT_NAME.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${COMPOSE:-}" ]; then
	COMPOSE=docker-compose
	! docker compose version >/dev/null 2>&1 || COMPOSE="docker compose"
fi

nodes() { $COMPOSE ps -q node | sort; }

# ready ID waits until a node may get buyers.
ready() {
	for _ in $(seq 300); do
		! docker exec "$1" node --probe >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	echo "roll: the new node $1 is not ready after a minute: $(docker exec "$1" node --probe 2>&1)" >&2
	return 1
}

old=$(nodes)
count=$(echo "$old" | wc -w)
[ "$count" -gt 0 ] || { echo "roll: no node runs" >&2; exit 1; }
for id in $old; do
	before=$(nodes)
	out=$($COMPOSE up -d --no-deps --no-build --no-recreate --scale node=$((count + 1)) node 2>&1) ||
		{ echo "roll: no new node: $out" >&2; exit 1; }
	started=
	for new in $(nodes); do
		case $before in *"$new"*) continue ;; esac
		ready "$new"
		started=$new
	done
	[ -n "$started" ] || { echo "roll: the new node has ended again: see $COMPOSE logs node" >&2; exit 1; }
	docker stop --time 15 "$id" >/dev/null
	docker rm "$id" >/dev/null
	echo "roll: replaced $id"
done
