#!/bin/sh
# What postgres's public image does, as far as docker-compose.yml uses it: the first start makes the
# role and the database from POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD_FILE.
set -e
PGDATA=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
	password=$(cat "$POSTGRES_PASSWORD_FILE")
	mkdir -p "$PGDATA" /run/postgresql
	chown postgres "$PGDATA" /run/postgresql
	chmod 700 "$PGDATA"
	export password
	exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	echo "$password" >/tmp/password
	initdb -D "$PGDATA" -U "$POSTGRES_USER" --auth-local=trust --auth-host=scram-sha-256 --pwfile=/tmp/password -E UTF8 --locale=C.UTF-8
	rm /tmp/password
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	# Nobody may connect before the database is there: this server has no port.
	pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
	[ "$POSTGRES_DB" = postgres ] || createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
	pg_ctl -D "$PGDATA" -w -m fast stop
fi
unset password
exec "$@" -D "$PGDATA" -c listen_addresses='*'
