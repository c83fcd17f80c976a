#!/usr/bin/env bash
# What musterctl says has happened is in the node's logs already, on a slow
# disk, too.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'tls: none'
export SLOWDISK_PATH=/manager/ SLOWDISK_WRITE_MS=500
start_slow manager
unset SLOWDISK_PATH SLOWDISK_WRITE_MS
start logger-1 proxy-1 worker-1 worker-2

say 'the start'
await started manager
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'
expect_lines 4 "$(log_of manager broker)" $'\tpeer-added\t'

say 'a loss'
kill9 worker-2
await degraded manager
expect_lines 1 "$(log_of manager cluster)" 'node down: worker-2$'
expect_lines 1 "$(log_of manager cluster)" 'cluster degraded, missing: worker-2$'
expect_lines 1 "$(log_of manager broker)" $'\t(connection-terminated|peer-lost)\t'
