#!/usr/bin/env bash
# kill -9 of the master at random points while clones write: what was
# acknowledged is there after the restart, every time.
# time limit: 900 s
#
#   MUSTER_KILLS  how often (default 60, with sanitizers 20; "make soak": 200)
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

kills=${MUSTER_KILLS:-$((${MUSTER_SANITIZED:-0} == 1 ? 20 : 60))}
ports 2
cat >"$LAYOUT" <<END
cluster: kills
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  proxy-1:      {role: proxy, host: 127.0.0.1, port: ${P[1]}}
  worker-[1-2]: {role: worker, host: 127.0.0.1}
stores: {s: {backend: lmdb}}
limits: {retry_min: 20 ms, retry_max: 100 ms}
END
NODES='manager proxy-1 worker-1 worker-2'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES

# write NODE: keys one after the other, as many sessions as there are nodes;
# the numbers of the acknowledged ones in $T/NODE.acked
write() {
	local node=$1 i=0
	while [ ! -e "$T/enough" ]; do
		i=$((i + 1))
		printf '{"op":"store","do":"put","store":"s","id":%d,' $i
		printf '"key":{"@data-type":"string","data":"%s-%d"},' "$node" $i
		printf '"value":{"@data-type":"count","data":%d}}\n' $i
		[ $((i % 10)) -ne 0 ] || pause 0.01
	done
}
# writer NODE: its answers are kept; it comes back when the node does
writer() {
	write "$1" | socat -t 20 - "UNIX:$T/run/muster/$1.sock" \
	    >>"$T/$1.answers" 2>/dev/null
}

# acked NODE: numbers of its acknowledged writes
acked() {
	sed -n 's/^{"ok":true,"id":\([0-9]*\)}$/\1/p' "$T/$1.answers"
}
# some_more SIZE: writes were acknowledged since its answers had that size
some_more() {
	tail -c "+$(($1 + 1))" "$T/worker-1.answers" | grep -q '^{"ok":true,'
}
more() {
	local n
	n=$(size)
	patiently 30 some_more "$n" ||
	    fail "death $kill: nothing is acknowledged any more:
$(ctl worker-1 stores --json)
$(ctl manager stores --json)
$(tail -n 2 "$T/worker-1.answers" | cut -c 1-300)"
}
size() {
	stat -c %s "$T/worker-1.answers"
}
writers='worker-1 worker-2 proxy-1'
for node in $writers; do
	: >"$T/$node.answers"
	writer "$node" &
	OTHERS+=($!)
done

say "$kills kills"
for kill in $(seq "$kills"); do
	more
	pause "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill9 manager
	start manager
done
more
: >"$T/enough"
for p in "${OTHERS[@]}"; do
	wait "$p" || :
done
OTHERS=()

say 'everything acknowledged is there, with its value'
ctl manager store dump s |
    sed 's/^{"key":{"@data-type":"string","data":"\([^"]*\)"},"value":{"@data-type":"count","data":\([0-9]*\)}}$/\1 \2/' |
    sort >"$T/there"
for node in $writers; do
	acked "$node" | sed "s/.*/$node-& &/" | sort >"$T/$node.must"
	n=$(wc -l <"$T/$node.must")
	lost=$(comm -23 "$T/$node.must" "$T/there" | wc -l)
	echo "  $node: $n acknowledged, $lost lost"
	[ "$n" -gt 0 ] || fail "$node wrote nothing"
	[ "$lost" -eq 0 ] ||
	    fail "lost: $(comm -23 "$T/$node.must" "$T/there" | head -n 3)"
done

say 'and the clones are equal'
# shellcheck disable=SC2086
fresh s $NODES
for node in worker-1 worker-2 proxy-1; do
	until_true 20 same manager "$node"
done
