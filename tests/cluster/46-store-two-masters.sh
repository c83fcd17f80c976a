#!/usr/bin/env bash
# Two nodes whose layouts both give them the master of a store: one of them
# keeps it, the other refuses everything and names it, until it is gone; the
# clones follow the node that their own layout names.
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
refused() {
	is proxy-1 stores '.stores[0].state == "refused"'
}
until_true 20 refused
field proxy-1 stores '.stores[0].error' | sed 's/^/  /'
is proxy-1 stores '.stores[0].error | test("on node manager")' ||
    fail "$(field proxy-1 stores '.stores[0].error')"
until_true 10 is manager stores \
    '.stores[0].error == "a second master is on node proxy-1: the layouts differ"'
is manager stores '.stores[0].state == "fresh"' || fail 'the manager gave in'
is proxy-1 status '.stores[0].name == "s" and .stores[0].state == "refused"' ||
    fail "status does not say it: $(ctl proxy-1 status)"
until_true 5 has "$T/proxy-1.out" 'the master is on node manager'
for what in 'put s k second' 'get s k' 'keys s'; do
	# shellcheck disable=SC2086
	outcome 2 proxy-1 $what
	has "$T/err" 'node manager' || fail "not named: $(cat "$T/err")"
done
done_at worker-1 put s other 1
for node in manager worker-1 worker-2 logger-1; do
	until_true 5 says "$node" k first
	until_true 5 says "$node" other 1
done

say 'while the other is away it serves, but nobody follows it'
stop manager
until_true 10 is proxy-1 stores '.stores[0].state == "fresh"'
done_at proxy-1 put s k second
says worker-1 k first || fail 'a clone followed the wrong master'
start manager
until_true 20 refused
# shellcheck disable=SC2086
fresh s worker-1 worker-2 logger-1
done_at worker-1 put s other 2
until_true 5 says worker-2 other 2
says manager k first || fail 'the manager took what was not for it'

say 'its layout is put right'
stop proxy-1
start proxy-1
# shellcheck disable=SC2086
fresh s $NODES
until_true 10 is manager stores '.stores[0].error == null'
until_true 5 says proxy-1 k first
done_at proxy-1 put s k third
until_true 5 says worker-2 k third
