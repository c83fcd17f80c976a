#!/usr/bin/env bash
# The layouts in conf/examples about rules do what they say, but for the ports.
set -eu
. "$(dirname "$0")/lib.sh"

# example NAME: on free ports, all its nodes
example() {
	ports 3
	cp "conf/examples/$1.yaml" "$LAYOUT"
	sed -i "s/port: 47761/port: ${P[0]}/" "$LAYOUT"
	# two ports that need not be neighbours
	sed -i "s/^  proxy-\[1-2\]:.*/  proxy-1: {role: proxy, port: ${P[1]}}\n  proxy-2: {role: proxy, port: ${P[2]}}/" "$LAYOUT"
	"$MUSTERCTL" check "$LAYOUT"
}

# reaches_all NODE...: what worker-1 publishes, each worker gets once
reaches_all() {
	local w
	# shellcheck disable=SC2068
	start $@
	# shellcheck disable=SC2068
	await started $@
	for w in worker-1 worker-2 worker-3 worker-4; do
		watch $w "ear-$w" zeek/cluster/worker
	done
	is worker-1 rules '.relay[0].up == .relay[0].nodes' || fail 'none up'
	for i in $(seq 40); do
		echo "{\"topic\":\"app/to-workers/\",\"event\":\"App::found\",\"args\":[$i]}"
	done | ctl worker-1 publish --stdin -q
	for w in worker-1 worker-2 worker-3 worker-4; do
		until_true 10 has_lines 40 "$T/ear-$w.out" App::found
		[ "$(sort -u "$T/ear-$w.out" | wc -l)" -eq 40 ] ||
		    fail "$w: not all, or not once"
	done
	# shellcheck disable=SC2068
	stop $@
	for w in worker-1 worker-2 worker-3 worker-4; do
		finish "ear-$w" 5
	done
	rm -rf "$T/var" "$T"/*.out
}

say 'over the manager'
example workers-via-manager
reaches_all manager worker-1 worker-2 worker-3 worker-4

say 'over the proxies'
example workers-via-proxies
reaches_all manager proxy-1 proxy-2 worker-1 worker-2 worker-3 worker-4

say 'alerts'
example alerts
# no syslog here
printf '#!/bin/sh\ncat >>%s/alerts\n' "$T" >"$T/logger"
chmod +x "$T/logger"
sed -i "s|/usr/bin/logger|$T/logger|" "$LAYOUT"
start manager worker-1 worker-2
await started manager worker-1 worker-2
until_true 20 is worker-1 stores '.stores[0].state == "fresh"'
ctl worker-1 raise App::alert 192.0.2.1 string:scan
ctl worker-1 raise App::alert 192.0.2.1 string:scan
two() {
	[ "$(ctl worker-2 store get alerts 192.0.2.1)" = 2 ]
}
until_true 10 two
until_true 10 has_lines 2 "$T/alerts" 192.0.2.1
