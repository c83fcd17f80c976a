#!/usr/bin/env bash
# The layout gives a store another master: without its file it begins empty,
# which the old master's node says; with its file it goes on.  A state folder
# copied from another node makes nobody that node.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

# layout MASTER
layout() {
	sed -i "s/^  d: .*/  d: {backend: lmdb, clone_backend: lmdb, master: $1}/" \
	    "$LAYOUT"
}
# all_again
all_again() {
	# shellcheck disable=SC2086
	start $NODES
	# shellcheck disable=SC2086
	await started $NODES
	# shellcheck disable=SC2086
	fresh d $NODES
}
# unused NODE: it warns of the file of d
unused() {
	has "$T/$1.out" "$1/stores/d holds a store that is not used"
}

five_nodes 'stores:
  d: '
layout manager
certificates
all_again
state=$T/var/lib/muster
for i in 1 2 3; do
	done_at "worker-$((i % 2 + 1))" put d "k$i" "count:$i"
done
! unused manager || fail 'it warns of a file that is used'

say 'the master moves, its file does not'
# shellcheck disable=SC2086
stop $NODES
layout proxy-1
all_again
unused manager || fail "no warning: $(tail "$T/manager.out")"
for node in proxy-1 manager worker-1; do
	[ -z "$(ctl "$node" store keys d)" ] || fail "$node has the old keys"
done

say 'its file does'
# shellcheck disable=SC2086
stop $NODES
rm -r "$state/proxy-1/stores/d"
mv "$state/manager/stores/d" "$state/proxy-1/stores/d"
: >"$T/manager.out"
all_again
! unused manager || fail 'it warns of a file that is not there'
for node in proxy-1 manager worker-1 worker-2 logger-1; do
	for i in 1 2 3; do
		says "$node" "k$i" "$i" d || fail "$node: k$i"
	done
done
done_at worker-1 put d k4 count:4
until_true 10 says worker-2 k4 4 d

say 'the folder of a node is copied to another'
stop proxy-1 worker-1
sed -i "s/^  d: /  e: {backend: lmdb, master: worker-1, clones: [proxy-1]}\n&/" \
    "$LAYOUT"
rm -r "$state/worker-1"
cp -a "$state/proxy-1" "$state/worker-1"
id=$(cat "$state/proxy-1/endpoint-id")
start proxy-1 worker-1
fresh d proxy-1 worker-1
fresh e proxy-1 worker-1
await restored proxy-1 worker-1
has "$T/worker-1.out" 'it is the id of proxy-1, as in a copied folder' ||
    fail "$(tail "$T/worker-1.out")"
unused worker-1 || fail 'worker-1 does not warn'
[ "$(cat "$state/proxy-1/endpoint-id")" = "$id" ] || fail 'the id of proxy-1'
[ "$(field proxy-1 status .id) proxy-1" = "$id" ] || fail 'proxy-1 is another'
[ "$(field worker-1 status .id)" != "${id% *}" ] || fail 'worker-1 is proxy-1'
done_at worker-1 put d k5 count:5
until_true 10 says worker-2 k5 5 d
