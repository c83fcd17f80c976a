#!/usr/bin/env bash
# More is written than the spool holds: musterctl waits for the loggers and goes
# on, each record arrives once and in order; it gives up when nothing moves.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

five_nodes 'tls: none
logs: {rotate: never, batch_interval: 100 ms, flush: 50 ms, spool: 64 KiB}'
start $NODES
await started $NODES

# in_order PATH FIRST LAST: these numbers, one after the other
in_order() {
	cmp -s <(seq "$2" "$3") <(records "$1") ||
	    fail "$1: $(diff <(seq "$2" "$3") <(records "$1") | head -n 5)"
}

say 'faster than a logger that lives'
PATIENCE=2min ship worker-1 Fast::LOG 1 30000 "$T/fast.out" ||
    fail "status $?: $(cat "$T/fast.out")"
has "$T/fast.out" '30000 records accepted' || fail "$(cat "$T/fast.out")"
until_true 30 delivered worker-1
in_order fast 1 30000

say 'a logger that comes later'
stop logger-1
PATIENCE=2min ship worker-1 Late::LOG 1 20000 "$T/late.out" &
OTHERS+=($!)
until_true 30 has "$T/late.out" 'not fast enough; waiting'
kill -0 "${OTHERS[-1]}" || fail "it ended: $(cat "$T/late.out")"
start logger-1
wait "${OTHERS[-1]}" || fail "status $?: $(cat "$T/late.out")"
expect_lines 1 "$T/late.out" 'waiting'
until_true 30 delivered worker-1
in_order late 1 20000

say 'a logger that is killed, and one file more from a pipe'
PATIENCE=2min ship worker-2 Pipe::LOG 1 30000 "$T/pipe.out" &
OTHERS+=($!)
until_true 30 has "$T/pipe.out" 'waiting'
kill9 logger-1
start logger-1
wait "${OTHERS[-1]}" || fail "status $?: $(cat "$T/pipe.out")"
until_true 30 delivered worker-2
once 1 30000 pipe

say 'no logger at all'
stop logger-1
rc=0
PATIENCE=500ms ship worker-1 None::LOG 1 20000 "$T/none.out" || rc=$?
[ "$rc" -eq 2 ] || fail "status $rc: $(cat "$T/none.out")"
has "$T/none.out" 'records not accepted: the spool has reached its limit' ||
    fail "$(cat "$T/none.out")"
after=$(sed -n 's/.*go on with --after \([0-9]*\)$/\1/p' "$T/none.out")
accepted=$(sender worker-1 '.streams[] | select(.path == "none") | .accepted')
[ "${after:-x}" = "$accepted" ] || fail "$accepted: $(cat "$T/none.out")"
start logger-1
numbers 1 20000 | ctl worker-1 log write None::LOG --types n:count \
    --after "$after" --timeout 2min 2>"$T/none.out" ||
    fail "status $?: $(cat "$T/none.out")"
until_true 30 delivered worker-1
in_order none 1 20000
stop $NODES
