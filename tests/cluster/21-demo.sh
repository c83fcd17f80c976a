#!/usr/bin/env bash
# The demo works without a terminal, says the truth by its exit status, and
# leaves nothing behind, finished or interrupted.
set -eu
. "$(dirname "$0")/lib.sh"

# Nothing of the demo's is left: it works below TMPDIR.
nothing_left() {
	if pgrep -f "$T/tmp" >/dev/null; then
		return 1
	fi
	[ -z "$(ls -A "$T/tmp")" ]
}

mkdir "$T/tmp"
export TMPDIR=$T/tmp B
# It builds what it runs: the same as is there.
[ "${MUSTER_SANITIZED:-0}" = 0 ] || export SAN=1
say 'to its end'
tests/demo.sh >"$T/demo.out" 2>&1 </dev/null || fail "status $?"
for text in '9 of 9' 'cluster started' 'zeek/events/' 'zeek/logs' \
    'Muster::cluster_degraded' 'Muster::cluster_restored' \
    'worker-3 reads 1' 'won' 'condition not met' 'gone everywhere' \
    'the master has 10000 of them' 'each exactly once' \
    'everything worked'; do
	has "$T/demo.out" "$text" || fail "it does not show '$text'"
done
if grep -q $'\e' "$T/demo.out"; then
	fail 'colours without a terminal'
fi
nothing_left || fail 'something is left'

say 'interrupted'
tests/demo.sh >"$T/broken.out" 2>&1 </dev/null &
PID[broken]=$!
until_true 60 has "$T/broken.out" ' of 9'
kill -TERM "${PID[broken]}"
finish broken 20
[ "$STATUS" -ne 0 ] || fail 'an interrupted demo claims success'
until_true 10 nothing_left
