#!/usr/bin/env bash
# The load generator sees what it must: relays that lose, double, delay or
# spoil events are found out, and one load through a node passes all checks.
set -eu
. "$(dirname "$0")/lib.sh"

BENCH=$B/tests/muster-bench

say "faults of a relay are seen"
"$BENCH" --programs "$B" --self-test || fail "the self-test failed"

say "a node relays a short load without fault, in both handshake roles"
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
"$BENCH" --connect "${P[0]}" --pid "${PID[manager]}" --ca "$T/tls/ca.pem" \
    --cert "$T/tls/generator.pem" --key "$T/tls/generator.key" \
    --pubs 2 --subs 2 --idle 4 --prefixes 20 --window 1000 --events 20000 \
    --seconds 60 >"$T/load.json" || fail "the load failed: $(cat "$T/load.json")"
jq -e '.lost == 0 and .duplicate == 0 and .corrupt == 0 and .events > 0' \
    "$T/load.json" >/dev/null || fail "$(cat "$T/load.json")"
stop manager

say "records go through a logger, counted on disk"
[ "${MUSTER_SANITIZED:-0}" != 0 ] || {
	"$BENCH" --programs "$B" --only logs-tsv --speed 0.1 \
	    --json "$T/logs.json" >"$T/logs.txt" || fail "$(cat "$T/logs.txt")"
	! grep -q 'mean nothing' "$T/logs.txt" || fail "$(cat "$T/logs.txt")"
	grep -q '"records/s"' "$T/logs.json" || fail "$(cat "$T/logs.json")"
}
