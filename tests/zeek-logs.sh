#!/usr/bin/env bash
#
# Log files that Zeek wrote are read and written again the same: a choice of
# them that is ours, and all there are where the recordings lie beside us.
set -eu
cd "$(dirname "$0")/.."
shared=${MUSTER_SHARED:-../shared}
"$B/tests/zeek_logs" tests/data/zeek-logs
[ ! -d "$shared/data/zeek-logs" ] ||
    "$B/tests/zeek_logs" "$shared/data/zeek-logs"
