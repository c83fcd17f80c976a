#!/bin/bash
# A node is killed while it is written to, with loggers alive and without: what
# it accepted is on disk exactly once; what it had not answered for, at most
# once.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

nine_nodes 'tls: none
logs: {rotate: never, batch_interval: 50 ms, failover: 1 h}'
start $NODES
await started $NODES
LAST=30000

# go ROUND: write until the node is killed after some records
go() {
	local round=$1 writer
	numbers 1 "$LAST" >"$T/in"
	"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n worker-1 log write \
	    "Cut$round::LOG" "$T/in" --types n:count \
	    >"$T/ship.out" 2>&1 &
	writer=$!
	until_true 20 sender_is worker-1 ".streams | any(.path ==
	    \"cut$round\" and .accepted > 2000)"
	kill9 worker-1
	if wait "$writer"; then
		after=$LAST # it was faster than we
	else
		after=$(sed -n 's/.*--after \([0-9]*\).*/\1/p' "$T/ship.out")
		[ -n "$after" ] || after=0
	fi
	start worker-1
	await listening worker-1
}

# at_most_once ROUND AFTER: those up to AFTER once, others at most once
at_most_once() {
	records "cut$1" | sort -n >"$T/have"
	seq 1 "$2" >"$T/want"
	head -n "$2" "$T/have" | cmp -s "$T/want" - ||
	    fail "cut$1: not each of the first $2 once"
	[ -z "$(uniq -d "$T/have")" ] ||
	    fail "cut$1: twice: $(uniq -d "$T/have" | head -n 3)"
}

say 'killed while loggers take records'
for round in 1 2 3; do
	go "$round"
	until_true 30 delivered worker-1
	at_most_once "$round" "$after"
done

say 'killed while there is no logger'
stop logger-1 logger-2
ship worker-1 Kept::LOG 1 2000 # the disk has them
go 4
sender_is worker-1 '.spool.waiting >= 2000' || fail 'nothing waits'
start logger-1 logger-2
until_true 30 delivered worker-1
at_most_once 4 "$after"
once 1 2000 kept

say 'one that stays away: others get what it has not been sent'
kill9 logger-2
ship worker-2 Away::LOG 1 2000
until_true 30 sender_is worker-2 '.streams[] | select(.path == "away") |
    .waiting == 0'
once 1 2000 away
stop $(for n in $NODES; do [ "$n" = logger-2 ] || echo "$n"; done)
