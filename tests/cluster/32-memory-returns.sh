#!/usr/bin/env bash
# What a heavy load needed goes back to the system when it is over: buffers at
# once, the table of relayed messages after its 8 seconds.
set -eu
. "$(dirname "$0")/lib.sh"

[ "${MUSTER_SANITIZED:-0}" = 0 ] || skip "sanitizers keep what is freed"
ports 1
cat >"$LAYOUT" <<END
cluster: bench
forward: [bench/]
nodes:
  manager: {role: manager, host: 127.0.0.1, port: ${P[0]}}
  generator: {role: control, host: 192.0.2.1}
END
certificates
start manager
await started manager

load() {
	"$B/tests/muster-bench" --connect "${P[0]}" --ca "$T/tls/ca.pem" \
	    --cert "$T/tls/generator.pem" --key "$T/tls/generator.key" \
	    --lossy "$@" >"$T/load.json" || fail "$(cat "$T/load.json")"
}
anon() { awk '/^RssAnon/ { print $2 }' "/proc/${PID[manager]}/status"; }
below() { [ "$(anon)" -lt "$1" ]; }

say "a first load makes the libraries allocate what they keep"
load --subs 2 --events 200 --seconds 30
before=$(anon)
say "100,000 events of 1 KiB to 8 subscribers"
load --subs 8 --payload 1039 --window 2048 --events 100000 --seconds 30
say "$before KiB before, $(anon) KiB right after"
# 64 KiB for each of the nine, and as much again for luck.
until_true 20 below $((before + 9 * 128))
say "$(anon) KiB in the end"
stop manager
