#!/usr/bin/env bash
# The master's node is restarted, killed, away for a while: it is the same
# endpoint, clones follow it and keep writing.  A clone's node is restarted: it
# copies the store again, or goes on from its own file.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb}
  d: {backend: lmdb, clone_backend: lmdb}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
# shellcheck disable=SC2086
fresh d $NODES
done_at worker-1 put s before 1
done_at worker-1 put d before 1
id=$(field manager status .id)
wid=$(field worker-1 status .id)

say 'the master ends in an orderly way and comes back'
stop manager
done_at_later() { # a write while it is away arrives once it is back
	ctl worker-1 store put s meanwhile 1 --timeout 5min >"$T/later.out" 2>&1
}
done_at_later &
OTHERS+=($!)
until_true 10 is worker-1 status '.state == "degraded"'
[ "$(ctl worker-2 store get s before)" = 1 ] ||
    fail 'a clone cannot be read without its master'
says_stale() {
	[ "$(ctl worker-2 store get s before 2>"$T/err")" = 1 ] &&
	    has "$T/err" 'this copy has not heard of its master for'
}
until_true 20 says_stale
start manager
# shellcheck disable=SC2086
await restored $NODES
[ "$(field manager status .id)" = "$id" ] || fail 'another endpoint id'
wait "${OTHERS[0]}" || fail "a write that waited: $(cat "$T/later.out")"
OTHERS=()
# shellcheck disable=SC2086
fresh s $NODES
for node in manager worker-1 worker-2; do
	until_true 10 says "$node" before 1
	until_true 10 says "$node" meanwhile 1
done

say 'it is killed: the same'
kill9 manager
start manager
# shellcheck disable=SC2086
await restored $NODES
[ "$(field manager status .id)" = "$id" ] || fail 'another endpoint id'
# shellcheck disable=SC2086
fresh s $NODES
done_at worker-1 put s after 1
done_at manager put s own 1
for node in manager worker-1 worker-2 proxy-1 logger-1; do
	until_true 10 says "$node" after 1
	until_true 10 says "$node" own 1
done

say 'clones are restarted'
kill9 worker-1
stop worker-2
done_at manager put s while 1
done_at manager put d while 1
start worker-1 worker-2
# shellcheck disable=SC2086
await restored $NODES
[ "$(field worker-1 status .id)" != "$wid" ] ||
    [ "$(field worker-1 stores '.stores[0].role')" = clone ] || fail 'id'
# shellcheck disable=SC2086
fresh s $NODES
# shellcheck disable=SC2086
fresh d $NODES
for node in worker-1 worker-2; do
	until_true 10 says "$node" while 1
	until_true 10 says "$node" while 1 d
	until_true 10 says "$node" before 1 d
	until_true 10 same manager "$node"
done
done_at worker-1 put s last 1
until_true 10 says worker-2 last 1

say 'both at once'
kill9 manager worker-1
start manager worker-1
# shellcheck disable=SC2086
await restored $NODES
# shellcheck disable=SC2086
fresh s $NODES
done_at worker-1 increment s n
done_at worker-2 increment s n
until_true 10 says manager n 2
for node in worker-1 worker-2 proxy-1 logger-1; do
	until_true 10 same manager "$node"
done
