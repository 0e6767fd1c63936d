#!/bin/sh
# Lays the shipped configuration into a prefix, at first and again at every upgrade:
#
#   install.sh PREFIX
#
# What is the site's own, in PREFIX/site, is made where it is missing and never changed
# after that. Then test and reload: nginx -p PREFIX -c nginx.conf -t && ... -s reload
set -eu
from=$(dirname "$0")
to=${1:?name the folder: install.sh PREFIX}

mkdir -p "$to/site"
for file in "$from"/site/*; do
	own=$to/site/${file##*/}
	# A link that leads nowhere yet is the site's own too.
	[ -e "$own" ] || [ -L "$own" ] || cp "$file" "$own"
done
cp "$from"/*.conf "$to"
