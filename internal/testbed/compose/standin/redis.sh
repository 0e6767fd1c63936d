#!/bin/sh
# What redis's public image does before its server: the data is the server's own, and it is not root.
set -e
cd /data
chown redis /data
exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
