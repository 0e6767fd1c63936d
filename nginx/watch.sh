#!/bin/sh
# Reloads Nginx when its upstream.conf changes, where the allocator that writes the file
# cannot run commands beside Nginx: in a container.
#
#   watch.sh FILE COMMAND...     such as: watch.sh site/upstream.conf nginx -p /srv -c nginx.conf
#
# COMMAND is how this Nginx was started, without `-g`. It runs until it is killed.
# INTERVAL (seconds, 0.2) is how often it looks: less costs a process more often, more
# keeps buyers longer on a node that has gone.
set -u
file=$1
shift

fingerprint() { cksum <"$file" 2>/dev/null; }

trap 'exit 0' TERM INT
# Nothing counts as seen at first: the file may have changed since Nginx read it, and a
# reload too many costs nothing.
seen=
reported=
while :; do
	sleep "${INTERVAL:-0.2}" &
	wait $! # unlike sleep alone, ends at once on SIGTERM
	now=$(fingerprint)
	if [ "$now" = "$seen" ]; then
		continue
	fi
	# The file is replaced whole, so what is read here is never half of it. A failure is
	# tried again, because Nginx may be starting, but printed once per change.
	if out=$({ "$@" -t -q && "$@" -s reload; } 2>&1); then
		seen=$now reported=
	elif [ "$now" != "$reported" ]; then
		reported=$now
		echo "watch.sh: cannot reload with the new $file: $out" >&2
	fi
done
