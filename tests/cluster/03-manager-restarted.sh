#!/usr/bin/env bash
# A manager that is killed and comes back learns from the others that the
# cluster has started: no second broadcast, everybody reports again.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
watch worker-1 started zeek/cluster/experimental/started

say "the manager is killed"
kill9 manager
until_true 20 is worker-1 status '.state == "degraded"'
until_true 5 has "$(log_of worker-1 cluster)" 'node down: manager'

say "it comes back"
start manager
await restored manager worker-1 worker-2 proxy-1 logger-1
is manager status .started || fail "the manager does not know of the start"
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'
for node in proxy-1 worker-1 worker-2; do
	until_true 5 has_lines 2 "$(log_of $node cluster)" 'fully connected$'
	expect_lines 2 "$(log_of $node cluster)" 'fully connected$'
done
never 0.5 has "$T/started.out" cluster_started

say "all but the manager were restarted meanwhile: nobody knows of a start"
kill9 manager
stop worker-1 worker-2 proxy-1 logger-1
start logger-1 proxy-1 worker-2
await listening worker-2
start worker-1
await listening worker-1
watch worker-1 again zeek/cluster/experimental/started
start manager
# shellcheck disable=SC2086
await started $NODES
until_true 5 has_lines 1 "$T/again.out" cluster_started
expect_lines 1 "$T/again.out" cluster_started
