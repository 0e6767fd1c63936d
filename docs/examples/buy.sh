#!/bin/sh
# Buys tickets, and prints the order. Needs curl.
#
#   SITE=http://127.0.0.1:8080 TOKEN=eyJ… ./buy.sh SALE QUANTITY
#
# Whatever is lost on the way, the same request is sent again: a buyer gets one order in a sale.
set -eu
sale=$1 quantity=$2
headers=$(mktemp) body=$(mktemp)
trap 'rm -f "$headers" "$body"' EXIT

for attempt in 1 2 3 4 5 6 7 8; do
	status=$(curl -s -o "$body" -D "$headers" -w '%{http_code}' --max-time 10 \
		-H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $sale" \
		-d "{\"quantity\":$quantity}" "$SITE/v1/sales/$sale/orders") || status=000
	case $status in
	200 | 201)
		cat "$body"
		exit 0
		;;
	000 | 429 | 5??) # nobody knows, or not now: send it again
		wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$headers")
		sleep "${wait:-1}"
		;;
	*) # refused: the problem document has why
		cat "$body" >&2
		exit 1
		;;
	esac
done
echo "no answer after $attempt attempts; last: $status" >&2
exit 2
