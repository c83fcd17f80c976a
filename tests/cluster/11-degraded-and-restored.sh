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

say 'those who came late know of the start'
for node in proxy-2 worker-3; do
	is $node status .started || fail "$node does not know"
done
