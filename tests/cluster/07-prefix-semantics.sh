#!/usr/bin/env bash
# Subscriptions are byte prefixes: a subscriber to alice/dogs on one node gets
# what begins so from another node, and nothing else; nobody gets its own.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'tls: none'
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

say "alice listens at the manager, bob publishes at worker-1"
watch manager alice alice/dogs
watch worker-1 bob alice/
until_true 10 is worker-1 peers \
    '[.peers[] | select(.name == "manager")] | length == 1'
subscribed() {
	ctl worker-1 peers --topics --json | jq -e '.peers[] |
	    select(.name == "manager") | .topics | index("alice/dogs")'
}
until_true 10 subscribed
for topic in alice/dogs/corgi alice/dogs alice/dogsarecool/oratleastilikethem \
    alice/cats/siamese alice/cats alice/dog alice alice/dogs/last; do
	ctl worker-1 -q publish $topic Pets::seen "string:$topic"
done
until_true 10 has_lines 4 "$T/alice.out" Pets::seen
cat >"$T/expected" <<'END'
alice/dogs/corgi  Pets::seen(alice/dogs/corgi)
alice/dogs  Pets::seen(alice/dogs)
alice/dogsarecool/oratleastilikethem  Pets::seen(alice/dogsarecool/oratleastilikethem)
alice/dogs/last  Pets::seen(alice/dogs/last)
END
diff "$T/expected" "$T/alice.out" || fail "alice got something else"

say "other clients of the same node get it too, the other way round not"
until_true 10 has_lines 7 "$T/bob.out" Pets::seen
expect_lines 7 "$T/bob.out" Pets::seen

say "publishing reaches no handler of the node itself"
ctl worker-1 publish zeek/cluster/experimental/started \
    Cluster::Experimental::cluster_started
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'

say "a stream of JSON lines arrives in order"
watch manager stream app/
subscribed_app() {
	ctl worker-2 peers --topics --json | jq -e '.peers[] |
	    select(.name == "manager") | .topics | index("app/")'
}
until_true 10 subscribed_app
for i in $(seq 500); do
	printf '{"topic":"app/%d","event":"App::n","args":[%d]}\n' "$i" "$i"
done | ctl worker-2 publish --stdin --json >"$T/count"
jq -e '.published == 500 and .refused == 0 and .deliveries >= 500' \
    "$T/count" >/dev/null || fail "counted $(cat "$T/count")"
until_true 10 has_lines 500 "$T/stream.out" App::n
for i in $(seq 500); do
	echo "app/$i  App::n($i)"
done | diff - "$T/stream.out" || fail "not all in order"
