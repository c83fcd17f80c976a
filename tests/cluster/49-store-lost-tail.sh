#!/usr/bin/env bash
# A master that syncs now and then is killed and loses what clones have seen;
# a clone that was away meanwhile has numbers that stand for something else by
# now.  All are equal in the end.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb, sync: 10 min, clone_backend: lmdb}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES

say 'the disk has the first keys'
for i in $(seq 10); do
	done_at worker-1 put s "kept$i" count:1
done
stop manager
start manager
# shellcheck disable=SC2086
fresh s $NODES
for node in worker-1 worker-2; do
	until_true 10 says "$node" kept10 1
done

say 'and not the next ones, which clones have seen'
for i in $(seq 5); do
	done_at manager put s "lost$i" count:1
done
done_at manager put s kept1 count:2
until_true 10 says worker-1 kept1 2
until_true 10 says worker-2 kept1 2
stop worker-2
kill9 manager

say 'their numbers are given to others'
start manager
fresh s manager worker-1
for i in $(seq 12); do
	done_at worker-1 put s "new$i" count:3
done
until_true 10 same manager worker-1

say 'the clone that was away'
start worker-2
fresh s worker-2
for node in manager worker-1 worker-2 proxy-1; do
	until_true 10 same manager "$node"
	says "$node" kept1 1 || fail "$node: kept1 is $(ctl "$node" store get s kept1)"
	missing "$node" lost3 || fail "$node has what is lost"
	says "$node" new12 3 || fail "$node: new12"
done
