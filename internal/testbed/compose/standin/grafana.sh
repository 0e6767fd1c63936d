#!/bin/sh
# Debian has no Grafana. This one looks for the files where Grafana does, as its user, and answers the
# health check. What is in the files is tested in deploy/.
set -eu
for file in "$GF_SECURITY_ADMIN_PASSWORD__FILE" /etc/grafana/provisioning/datasources/*.yml \
	/etc/grafana/provisioning/dashboards/*.yml /var/lib/grafana/dashboards/onsale/*.json; do
	[ -s "$file" ] && [ -r "$file" ] || { echo "grafana: $file is missing, empty or not readable" >&2; exit 1; }
done
curl -fsS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null "$PROMETHEUS_URL/-/ready"
touch /var/lib/grafana/grafana.db
cat >/tmp/nginx.conf <<'EOF'
pid /tmp/nginx.pid;
daemon off;
events {}
http {
	access_log off;
	client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
	uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
	server { listen 3000; location = /api/health { return 200; } }
}
EOF
exec nginx -e stderr -c /tmp/nginx.conf
