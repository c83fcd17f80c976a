#!/usr/bin/env bash
# Two nodes whose layouts both give them the master of a store: every node that
# sees both says so by name, and nobody follows the second.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores: {s: {backend: lmdb}}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
done_at worker-1 put s k first

say 'a proxy that believes it has the master too'
stop proxy-1
cp "$LAYOUT" "$T/right.yaml"
sed 's/stores: .*/stores: {s: {backend: lmdb, master: proxy-1}}/' \
    "$T/right.yaml" >"$T/wrong.yaml"
"$MUSTERD" -d -f "$T/wrong.yaml" -r "$T" proxy-1 \
    >>"$T/proxy-1.out" 2>&1 </dev/null &
PID[proxy-1]=$!
until_true 20 grep -q 'manager.*master\|master.*manager' "$T/proxy-1.out"
until_true 10 is proxy-1 stores '.stores[0].error != null'
field proxy-1 stores '.stores[0].error' | sed 's/^/  /'
is manager stores '.stores[0].error == "a second master is on node proxy-1: the layouts differ"' ||
    fail "$(field manager stores '.stores[0].error')"
ctl proxy-1 store put s k second --timeout 1s >/dev/null 2>&1 || :
done_at worker-1 put s other 1
for node in manager worker-1 worker-2 logger-1; do
	until_true 5 says "$node" k first
	until_true 5 says "$node" other 1
done

say 'its layout is put right'
stop proxy-1
start proxy-1
# shellcheck disable=SC2086
fresh s $NODES
until_true 5 says proxy-1 k first
done_at proxy-1 put s k third
until_true 5 says worker-2 k third
