#!/usr/bin/env bash
# A reload applies what may change without a restart (a new node, certificates,
# the log level, limits) and refuses what may not as a whole.
set -eu
. "$(dirname "$0")/lib.sh"

ports 3
write_layout() { # WORKERS EXTRA
	cat >"$LAYOUT" <<END
cluster: five
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1:     {role: logger, host: 127.0.0.1, port: ${P[1]}}
  proxy-1:      {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  worker-[1-$1]: {role: worker, host: 127.0.0.1}
${2:-}
END
}
NODES='manager logger-1 proxy-1 worker-1 worker-2'

write_layout 2
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

say 'a node is added'
write_layout 3
"$MUSTERCTL" -q -f "$LAYOUT" tls issue worker-3
ctl worker-1 diff >"$T/diff" && fail 'diff sees no change'
[ "$(cat "$T/diff")" = 'can: node worker-3 added' ] || fail "$(cat "$T/diff")"
is manager status '.nodes | length == 5' || fail 'diff changed something'
for node in $NODES; do
	ctl "$node" reload >"$T/reloaded"
	has "$T/reloaded" worker-3 || fail "$node: $(cat "$T/reloaded")"
done
is manager status '.nodes | length == 6' || fail 'worker-3 is not there'
start worker-3
# shellcheck disable=SC2086
await restored $NODES worker-3
expect_lines 0 "$(log_of manager cluster)" 'node down'
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'

say 'certificates are replaced: by another CA, while everybody goes on'
rm "$T"/tls/*
certificates
for node in $NODES worker-3; do
	: >"$T/$node.out" # of what was said before
	kill -HUP "${PID[$node]}"
done
reloaded() {
	local node
	for node in $NODES worker-3; do
		has_lines "$1" "$T/$node.out" 'reload' || return 1
	done
}
until_true 10 reloaded 1
expect_lines 0 "$(log_of manager cluster)" 'node down'
kill9 worker-3
start worker-3
# shellcheck disable=SC2086
await restored $NODES worker-3

say 'log level and limits'
ctl worker-1 log-level debug
ctl worker-1 log-level loud 2>"$T/err" && fail 'level "loud" was accepted'
write_layout 3 'limits: {queue: 3 MiB}'
for node in worker-1 logger-1; do
	ctl $node reload >/dev/null
done
is worker-1 status '.limits.queue_bytes == 3145728' || fail 'limit is the old'

say 'what cannot change is named and refused as a whole'
sed -i "s/${P[1]}}/1}/; s/queue: 3 MiB/queue: 5 MiB/" "$LAYOUT"
rc=0
ctl logger-1 diff >"$T/out" || rc=$?
[ $rc -eq 78 ] && grep -q 'cannot: .*logger-1.*port' "$T/out" &&
    grep -q 'can: limits.queue' "$T/out" || fail "diff: $rc, $(cat "$T/out")"
ctl worker-1 diff >/dev/null && fail 'worker-1 sees no change'
rc=0
ctl logger-1 reload >"$T/out" 2>"$T/err" || rc=$?
[ $rc -eq 78 ] || fail "status $rc"
grep -q 'cannot: .*logger-1.*port' "$T/err" ||
    fail "not named: $(cat "$T/err")"
is logger-1 status '.limits.queue_bytes == 3145728' || fail 'half was applied'

say 'a layout with mistakes changes nothing'
echo 'nonsense: 1' >>"$LAYOUT"
rc=0
ctl_any() { "$MUSTERCTL" -r "$T" -n "$@"; }
ctl_any worker-1 reload 2>"$T/err" || rc=$?
[ $rc -eq 78 ] || fail "status $rc"
grep -q 'cluster.yaml:[0-9]*:1: .*nonsense' "$T/err" ||
    fail "no place: $(cat "$T/err")"
ctl_any worker-1 status --json >"$T/status"
jq -e '.state == "started"' "$T/status" >/dev/null || fail 'not started'
write_layout 3

say 'a fifo in place of the layout holds up nobody'
mv "$LAYOUT" "$T/away.yaml"
mkfifo "$LAYOUT"
rc=0
timeout 20 "$MUSTERCTL" -r "$T" -n worker-1 reload 2>"$T/err" || rc=$?
[ $rc -eq 78 ] && has "$T/err" 'is a fifo' || fail "status $rc"
mv "$T/away.yaml" "$LAYOUT"

say 'unreadable certificates change nothing'
mv "$T/tls/worker-1.key" "$T/tls/away"
rc=0
ctl worker-1 reload 2>"$T/err" || rc=$?
[ $rc -ne 0 ] || fail 'a missing key was accepted'
grep -q 'worker-1\.key' "$T/err" || fail "not named: $(cat "$T/err")"
mv "$T/tls/away" "$T/tls/worker-1.key"
is worker-1 status '.state == "started"' || fail 'not started any more'

say 'a control socket that was removed, with its folder, is made anew'
rm -r "$T/run/muster"
ctl_any worker-1 status >/dev/null 2>&1 && fail 'who answered?'
kill -HUP "${PID[worker-1]}"
until_true 10 is worker-1 status '.state == "started"'
has "$T/worker-1.out" 'worker-1.sock made anew' || fail 'not said'
