#!/bin/sh
# Makes the keys of a site where they are missing, and changes none:
#
#   secrets.sh FOLDER
#
# The folder is its owner's alone; the files can be read by all who may enter it, because in a container a
# mounted file has to be readable by a user that this machine does not know.
set -eu
to=${1:?name the folder: secrets.sh FOLDER}
umask 022

random32() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
url() { tr '+/' '-_' | tr -d '='; }
# make FILE FUNCTION: a file is there whole or not at all.
make() {
	[ ! -e "$to/$1" ] || return 0
	"$2" >"$to/.$1"
	mv "$to/.$1" "$to/$1"
}
admin_token() { random32 | url; }
token_keys() {
	printf '{"keys":[{"kty":"oct","kid":"%s","alg":"HS256","k":"%s"}]}\n' "$(date +%Y-%m-%d)" "$(random32 | url)"
}
# Of a date too, but for another purpose: a key of place tokens must verify no buyer's.
place_keys() { token_keys; }
webhook_secrets() { echo "whsec_$(random32)"; }
proof_keys() { echo "$(random32)"; }
password() { random32 | url; }
# The same password, as Redis's server reads it.
redis_conf() { printf 'requirepass %s\n' "$(cat "$to/redis-password")"; }
# The same password, as the ledger reads it.
pgpass() { printf 'postgres:5432:onsale:onsale:%s\n' "$(cat "$to/database-password")"; }

[ -d "$to" ] || mkdir -m 700 -p "$to"
make gossip-key random32
make admin-token admin_token
make token-keys.json token_keys
make place-keys.json place_keys
make webhook-secrets webhook_secrets
make proof-keys proof_keys
make redis-password password
make redis.conf redis_conf
make grafana-password password
make database-password password
make pgpass pgpass
