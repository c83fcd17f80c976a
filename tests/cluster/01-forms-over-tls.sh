#!/usr/bin/env bash
# Nine nodes over mutual TLS form a cluster in any order of start: everybody
# reports, the manager broadcasts cluster_started exactly once, and cluster.log
# and broker.log say so in Zeek's words.
set -eu
. "$(dirname "$0")/lib.sh"

# What each log must hold, whatever the order.
check_manager_logs() {
	local node
	messages manager >"$T/messages"
	expect_lines 1 "$T/messages" "^listening on [0-9.]*:${P[0]}/tcp$"
	for i in 1 2; do
		expect_lines 1 "$T/messages" "^initiate peering with \
127\.0\.0\.1:${P[$i]}/tcp, retry=1\.0 sec, status=T$"
	done
	for node in $NODES; do
		if [ "$node" != manager ]; then
			expect_lines 1 "$T/messages" \
			    "^got hello from $node \([0-9a-f-]{36}\)$"
		fi
	done
	expect_lines 1 "$T/messages" '^cluster connected$'
	# Its own report, and one for each logger without a manager.
	expect_lines 3 "$T/messages" '^fully connected$'
	expect_lines 8 "$(log_of manager broker)" \
	    $'^[0-9.]+\tBroker::STATUS\tpeer-added\t[0-9.]+\t[0-9]+\thandshake successful$'
}

check_worker_logs() {
	messages worker-1 >"$T/messages"
	expect_lines 1 "$T/messages" '^fully connected$'
	expect_lines 0 "$T/messages" '^cluster connected$'
	expect_lines 0 "$T/messages" '^listening'
	expect_lines 5 "$T/messages" '^initiate peering with '
	expect_lines 5 "$T/messages" '^got hello from '
}

# form FIRST... -- LAST: the last one completes the cluster
form() {
	local first=() last
	last=${*: -1}
	first=("${@:1:$#-1}")
	start "${first[@]}"
	await listening worker-1
	watch worker-1 started zeek/cluster/experimental/started
	never 0.5 is manager status .started
	start "$last"
	# shellcheck disable=SC2086
	await started $NODES
	until_true 5 has_lines 1 "$T/started.out" cluster_started
	check_manager_logs
	check_worker_logs
	# shellcheck disable=SC2086
	stop $NODES
	expect_lines 1 "$T/started.out" \
	    '^zeek/cluster/experimental/started  Cluster::Experimental::cluster_started\(\)$'
}

nine_nodes
certificates

say "loggers first, as Zeek's sites do"
form logger-1 logger-2 manager proxy-1 proxy-2 worker-1 worker-2 worker-3 \
    worker-4

say "the other way round"
rm -rf "$T/var" "$T"/started.*
form worker-4 worker-3 worker-2 worker-1 proxy-2 proxy-1 manager logger-2 \
    logger-1
