#!/bin/sh
# Makes the keys of TLS session tickets that several Nginx share, or rotates them:
#
#   tickets.sh PREFIX/site
#
# On one machine. Then copy PREFIX/site/tls-tickets and tls-tickets.conf to the site of each other Nginx, and
# reload all, before the next rotation. In between the machines differ by one rotation, and each takes the tickets of the
# others: it knows the next key before anybody makes tickets with it, and the previous one after that.
set -eu
to=${1:?name the folder: tickets.sh PREFIX/site}
keys=$to/tls-tickets
umask 077

# put NAME: standard input becomes that key, whole or not at all.
put() { cat >"$keys/.$1" && mv "$keys/.$1" "$keys/$1"; }
fresh() { head -c 80 /dev/urandom; }

mkdir -p "$keys"
if [ -e "$keys/next" ]; then
	# In this order no key is lost if it ends half-way; run again, it goes on.
	put previous <"$keys/current"
	put current <"$keys/next"
	fresh | put next
else
	for name in previous current next; do fresh | put "$name"; done
fi
# The first one makes tickets, the others only read them.
for name in current previous next; do echo "ssl_session_ticket_key site/tls-tickets/$name;"; done >"$to/.tls-tickets.conf"
mv "$to/.tls-tickets.conf" "$to/tls-tickets.conf"
