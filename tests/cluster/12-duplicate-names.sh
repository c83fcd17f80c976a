#!/usr/bin/env bash
# A second node with a name in use is refused while the first one answers, with
# both addresses in the log; it takes the place of one that is dead.
set -eu
. "$(dirname "$0")/lib.sh"

# The same layout and certificates below another root: "another host".
other() {
	"$MUSTERD" -d -f "$LAYOUT" -r "$T/other" "$1" >>"$T/other.out" 2>&1 \
	    </dev/null &
	PID[other]=$!
}
other_ctl() {
	"$MUSTERCTL" -f "$LAYOUT" -r "$T/other" -n worker-2 "$@"
}

five_nodes 'limits: {ping: 5 s, dead: 20 s}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
id=$(field manager status '.nodes[] | select(.name == "worker-2") | .id')

say 'the first one lives: the newcomer is refused'
other worker-2
until_true 10 grep -qE \
    'worker-2.*127\.0\.0\.1:[0-9]+.*127\.0\.0\.1:[0-9]+' "$T/manager.out"
never 1 is manager status \
    ".nodes[] | select(.name == \"worker-2\") | .id != \"$id\""
expect_lines 0 "$(log_of manager cluster)" 'node down'
is manager status '.state == "started"' || fail 'not started any more'
kill9 other

say 'the first one is dead, but nobody knows yet: the newcomer takes its place'
freeze worker-2
other worker-2
until_true 10 is manager status \
    ".nodes[] | select(.name == \"worker-2\") | .up != false and
    .state == \"up\" and .id != \"$id\""
until_true 10 has_lines 1 "$T/other.out" 'all its connections stand'
[ "$(other_ctl status --json | jq -r .name)" = worker-2 ] ||
    fail 'the newcomer does not answer'
thaw worker-2
