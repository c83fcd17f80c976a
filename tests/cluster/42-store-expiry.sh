#!/usr/bin/env bash
# Keys vanish when their time is over, at the master and all clones alike, and
# those who watch are told; a later write without a time takes it back.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb}
  d: {expiry: 1s}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
# shellcheck disable=SC2086
fresh d $NODES

"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n worker-2 store watch s \
    >"$T/events.out" 2>"$T/events.err" </dev/null &
OTHERS+=($!)
until_true 5 has "$T/events.err" watching

say 'a key of a second is gone everywhere, and not at once'
for node in manager worker-1; do
	begin=${EPOCHREALTIME/./}
	done_at "$node" put s "from-$node" x --expiry 1s
	for other in $NODES; do
		until_true 5 missing "$other" "from-$node"
	done
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	echo "  after $took ms"
	[ $took -ge 1000 ] || fail "it took only $took ms"
	until_true 5 has "$T/events.out" "expire  from-$node"
done

say 'a later write prolongs it, or takes it back'
done_at worker-1 put s kept x --expiry 1s
done_at worker-1 put s kept y
done_at worker-2 put s longer x --expiry 1s
done_at worker-2 put s longer y --expiry 1h
done_at worker-1 put s short x --expiry 1s
until_true 5 missing manager short
for node in manager worker-1 worker-2; do
	until_true 5 says "$node" kept y
	until_true 5 says "$node" longer y
done

say 'the default of the layout'
done_at worker-1 put d k x
done_at worker-1 put d long x --expiry 1h
gone_from_d() {
	local rc=0
	ctl "$1" store exists d k >/dev/null 2>&1 || rc=$?
	[ $rc -eq 1 ]
}
for node in manager worker-1 worker-2; do
	until_true 5 gone_from_d "$node"
	[ "$(ctl "$node" store get d long)" = x ] || fail 'the hour is over'
done

say 'what expired while the master was away'
done_at worker-1 put s away x --expiry 1s
kill9 manager
start manager
until_true 10 missing manager away
# shellcheck disable=SC2086
fresh s $NODES
for node in worker-1 worker-2; do
	until_true 10 missing "$node" away
done
says manager kept y || fail 'more than the key expired'

say 'the clock of the master is set: back, and forward'
stop manager
export LEAPCLOCK=$T/leap
# set_clock SECONDS: so far ahead of the right time
set_clock() {
	echo "$1" >"$LEAPCLOCK.new"
	mv "$LEAPCLOCK.new" "$LEAPCLOCK"
}
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
    LD_PRELOAD=$(realpath "$B/tests/leapclock.so") start manager
# shellcheck disable=SC2086
fresh s $NODES
done_at worker-1 put s hour x --expiry 1h
# left: seconds that are left of it
left() {
	ctl manager store dump s --prefix hour |
	    jq '.expiry | sub(" ms$"; "") | tonumber / 1000 | floor'
}
[ "$(left)" -le 3600 ] || fail "$(left) s are left of an hour"
set_clock -7200
longer() {
	[ "$(left)" -gt 10000 ]
}
until_true 10 longer
for node in manager worker-1 worker-2; do
	says "$node" hour x || fail "$node: the hour is over"
done
done_at worker-1 put s second x --expiry 1s
until_true 10 missing worker-2 second
set_clock 7200
for node in manager worker-1 worker-2; do
	until_true 10 missing "$node" hour
done
says worker-1 kept y || fail 'more than the hour is over'
