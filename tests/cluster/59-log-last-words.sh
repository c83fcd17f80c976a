#!/bin/bash
# A node that is stopped sends what it had collected before it says goodbye; when
# it starts again nothing of that is there twice.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

five_nodes 'tls: none
logs: {rotate: never, batch_interval: 1 min}'
start $NODES
await started $NODES

say 'what is collected waits for more'
of_worker() {
	records cluster | awk -F'\t' '$2 == "worker-1"' | sort >"$T/there"
}
waits() {
	stop proxy-1
	start proxy-1
	until_true 10 sender_is worker-1 '.spool.collected > 1'
	grep -v '^#' "$(log_of worker-1 cluster)" | sort >"$T/before"
	of_worker
	[ -n "$(comm -23 "$T/before" "$T/there")" ]
}
all_there() {
	of_worker
	[ -z "$(comm -23 "$T/before" "$T/there")" ]
}
# spoken: it is stopped, and the logger has what it collected
spoken() {
	# The minute of what came first may be over just then.
	waits || waits || fail 'it did not wait'
	say 'the node is stopped: what it said is on disk'
	stop worker-1
	patiently 5 all_there
}
# again: as it was, because there is half a second for last words: a disk that
# needs longer for them keeps them for the next start
again() {
	start worker-1
	await restored worker-1
	until_true 10 all_there
	spoken
}
spoken || again || again || fail 'it keeps its last words for itself'

say 'it starts again: nothing is there twice'
start worker-1
await connected worker-1
ship worker-1 Again::LOG 1 10
until_true 20 sender_is worker-1 '.streams[] | select(.path == "again") |
    .waiting == 0'
stop worker-1
until_true 10 all_there
[ -z "$(uniq -d "$T/there")" ] || fail "twice: $(uniq -d "$T/there")"
