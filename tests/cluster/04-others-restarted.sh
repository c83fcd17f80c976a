#!/usr/bin/env bash
# A worker, a proxy and a logger are killed and come back: the cluster says
# degraded and restored, cluster_started is not repeated, and the newcomer
# knows all the same that the cluster has started.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
watch worker-1 events zeek/cluster/experimental/started muster/cluster/state

n=0
for node in worker-2 proxy-1 logger-1; do
	say "$node is killed and comes back"
	n=$((n + 1))
	kill9 "$node"
	until_true 20 is manager status '.state == "degraded"'
	is manager status ".missing | contains(\"$node\")" ||
	    fail "the manager does not name $node"
	until_true 10 has_lines $n "$T/events.out" Muster::cluster_degraded
	start "$node"
	# shellcheck disable=SC2086
	await restored $NODES
	until_true 10 has_lines $n "$T/events.out" Muster::cluster_restored
	is "$node" status .started || fail "$node was not told of the start"
	expect_lines 2 "$(log_of manager cluster)" "got hello from $node "
done
never 0.5 has "$T/events.out" Experimental::cluster_started
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'
