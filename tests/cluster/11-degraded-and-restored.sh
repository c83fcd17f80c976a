#!/usr/bin/env bash
# After the start the cluster says what is missing and when it is whole again:
# in events, cluster.log, status and the exit status of musterctl; a node that
# joins late is told of the start.
set -eu
. "$(dirname "$0")/lib.sh"

# A status of the node's musterctl.
status_is() {
	local rc=0
	ctl "$1" status >/dev/null 2>&1 || rc=$?
	[ $rc -eq "$2" ]
}

nine_nodes
certificates
status_is manager 2 || fail 'a node that does not run is reachable'
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
status_is manager 0 || fail 'status of a started cluster'
watch logger-1 events muster/cluster/state

say 'two nodes are killed'
kill9 worker-3 proxy-2
await degraded manager worker-1
status_is manager 1 || fail 'status of a degraded cluster'
until_true 10 is manager status \
    '.missing | contains("worker-3") and contains("proxy-2")'
until_true 10 is worker-1 status '.missing | contains("proxy-2")'
until_true 10 has "$T/events.out" Muster::cluster_degraded
until_true 10 grep -q 'degraded.*worker-3' "$T/events.out"
has "$(log_of manager cluster)" 'cluster degraded, missing: ' ||
    fail 'cluster.log does not say degraded'
ctl manager status >"$T/status" || :
has "$T/status" 'missing: ' || fail 'status does not say what is missing'

say 'and the graph shows it'
# link NODE FROM TO STATE: as NODE sees it
link() {
	is "$1" graph ".links[] | select(.from == \"$2\" and .to == \"$3\") |
	    .state == \"$4\""
}
link manager worker-1 proxy-2 down || fail 'a link to the dead is not down'
link manager worker-3 manager down || fail 'a link of the dead is not down'
until_true 10 link manager worker-1 proxy-1 up
link worker-1 worker-2 proxy-1 unknown || fail 'worker-1 knows too much'
link worker-1 worker-1 manager up || fail 'worker-1 does not know its own'
is manager graph '[.nodes[] | select(.state == "down") | .name] ==
    ["proxy-2", "worker-3"]' || fail 'other nodes are down'
ctl manager graph >"$T/dot"
has "$T/dot" '"worker-1" -> "proxy-2" [color=red, style=dashed];' ||
    fail "not drawn: $(cat "$T/dot")"

say 'top shows rates'
"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n manager top --count 3 --interval 1s \
    >"$T/top" 2>&1 &
PID[top]=$!
# Without a break: each interval must see some of them.
while ! gone "${PID[top]}"; do
	echo '{"topic":"zeek/cluster/manager","event":"Top::event"}'
	pause
done | ctl worker-1 publish --stdin -q
finish top 10
[ "$STATUS" -eq 0 ] || fail "top ended with $STATUS: $(cat "$T/top")"
expect_lines 3 "$T/top" '^cluster nine, node manager: degraded, .*worker-3'
expect_lines 3 "$T/top" '^worker-1 +up '
[ "$(awk '$1 == "worker-1" && $3 > 0' "$T/top" | wc -l)" -ge 2 ] ||
    fail "no rates: $(cat "$T/top")"

say 'one comes back: still degraded'
start proxy-2
until_true 20 is manager status '.missing == "worker-3"'
is manager status '.state == "degraded"' || fail 'not degraded any more'

say 'the other comes back'
start worker-3
# shellcheck disable=SC2086
await restored $NODES
until_true 10 has_lines 1 "$T/events.out" Muster::cluster_restored
expect_lines 1 "$T/events.out" Muster::cluster_restored
expect_lines 1 "$(log_of manager cluster)" 'cluster restored$'
is manager status '.missing == ""' || fail 'something is missing still'
until_true 10 is manager graph '[.links[].state] | unique == ["up"]'

say 'those who came late know of the start'
for node in proxy-2 worker-3; do
	is $node status .started || fail "$node does not know"
done
