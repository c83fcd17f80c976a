#!/usr/bin/env bash
# A disk that needs 200 ms for each commit: events keep flowing through the
# node meanwhile, and a write is acknowledged, and seen by others, after its
# commit only.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores: {s: {backend: lmdb}}'
certificates
export SLOWDISK_MS=200 SLOWDISK_PATH=/stores/ SLOWDISK_LOG=$T/syncs
export SLOWDISK_WATCH=$T/flow.out
: >"$T/syncs"
start_slow manager
start logger-1 proxy-1 worker-1 worker-2
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
syncs() {
	wc -l <"$T/syncs"
}

say 'events flow through the node of the master'
watch worker-1 flow app/flow
{
	i=0
	while [ ! -e "$T/enough" ]; do
		i=$((i + 1))
		printf '{"topic":"app/flow","event":"e","args":["count:%d"]}\n' $i
		pause 0.01
	done
} | ctl manager publish --stdin -q 2>/dev/null &
OTHERS+=($!)
until_true 10 has_lines 10 "$T/flow.out" .

say 'writes wait for their commit, one after the other'
earlier=$(syncs)
for i in 1 2 3 4 5 6 7 8; do
	before=$(syncs)
	done_at worker-2 put s "k$i" "$i"
	[ "$(syncs)" -gt "$before" ] ||
	    fail "k$i is acknowledged without a commit"
	done_at manager put s "m$i" "$i"
	[ "$(syncs)" -gt $((before + 1)) ] ||
	    fail "m$i is acknowledged without a commit"
done
: >"$T/enough"
for i in 1 8; do
	until_true 10 says worker-1 "k$i" "$i"
	until_true 10 says worker-1 "m$i" "$i"
done

# While a turn waits for the disk nothing comes: then none would have grown.
moving=$(tail -n "+$((earlier + 1))" "$T/syncs" | awk '$2 > $1' | wc -l)
echo "  commits: $(($(syncs) - earlier)), events came during $moving of them"
[ "$moving" -ge 8 ] || fail "only $moving commits saw events come"
