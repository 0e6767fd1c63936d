#!/bin/sh
# Restarts the nodes of several machines one by one, for new settings or a new package, and waits for each to sell again:
#
#   roll-machines.sh [-c COMMAND] MACHINE ...
#
# Each machine is reached by ssh. systemctl restart has the node drain, and returns once the new one is ready; at the first that
# does not get ready the rest is left as it is. COMMAND is run on each in place of the restart, such as
# "apt-get install -y onsale", which restarts the node by itself. The machine local is this one.
set -eu
command="systemctl restart onsale-node"
if [ "${1-}" = -c ]; then
	command=${2:?roll-machines: -c wants a command}
	shift 2
fi
[ "$#" -gt 0 ] || { echo "roll-machines: name the machines" >&2; exit 2; }
on() {
	machine=$1
	shift
	if [ "$machine" = local ]; then sh -c "$*"; else ssh -o BatchMode=yes "$machine" "$*"; fi
}
for machine; do
	echo "roll-machines: $machine"
	on "$machine" "$command && onsale-node --probe" ||
		{ echo "roll-machines: the node of $machine is not ready: systemctl status onsale-node; the machines behind it were not touched" >&2; exit 1; }
done
