#!/usr/bin/env bash
# A node that misses one of those it connects to does not report, and the
# cluster does not start, until that one is there.
set -eu
. "$(dirname "$0")/lib.sh"

nine_nodes
certificates
start manager logger-1 logger-2 proxy-1 worker-1 worker-2 worker-3 worker-4
await connected manager proxy-1

say "proxy-2 is missing: no worker reports"
for node in worker-1 worker-2 worker-3 worker-4; do
	for peer in manager logger-1 logger-2 proxy-1; do
		until_true 20 has "$(log_of $node cluster)" \
		    "got hello from $peer "
	done
done
never 1 is manager status .started
for node in worker-1 worker-2 worker-3 worker-4; do
	is $node status '.fully_connected | not' || fail "$node reported"
	expect_lines 0 "$(log_of $node cluster)" 'fully connected$'
done
is manager status '.missing | contains("proxy-2")' ||
    fail "the manager does not say who is missing"
until_true 10 is worker-1 peers '[.dials[] | select(.name == "proxy-2" and
    (.connected | not) and .attempts > 0)] | length == 1'

say "musterctl wait says so too"
rc=0
ctl manager wait --for started --timeout 300ms 2>"$T/err" || rc=$?
[ $rc -eq 2 ] || fail "wait ended with status $rc"

say "proxy-2 appears"
start proxy-2
# shellcheck disable=SC2086
await started $NODES
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'
