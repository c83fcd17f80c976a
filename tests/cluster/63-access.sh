#!/usr/bin/env bash
# Who may publish where: what a node may not say reaches nobody, it is counted
# and said, and another way to the same topic is no way round.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'access:
  - {topic: app/orders/, by: [manager]}
relay:
  - {topic: app/orders/all/, by: [proxy], to: app/spread}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
for node in manager proxy-1 worker-2; do
	watch $node "ear-$node" app/
done
# worker-1 knows what they subscribe
knows() {
	ctl worker-1 peers --topics --json |
	    jq -e '[.peers[] | select(.topics | index("app/"))] | length == 2'
}
until_true 10 knows

say 'a worker may not'
ctl worker-1 publish app/orders/stop App::order 1 2>"$T/err"
has "$T/err" 'may not publish on app/orders/stop (access 1)' ||
    fail "the publisher was told: $(cat "$T/err")"
until_true 10 is manager rules '.access_refused >= 1'
has "$T/manager.out" 'may not publish on app/orders/stop (access 1)' ||
    fail 'not said'
ctl worker-1 publish zeek/cluster/node/proxy-1/app/orders/all/ App::order 2
until_true 10 is proxy-1 rules '.access_refused >= 1'
ctl worker-1 publish app/other App::other 2>"$T/err"
[ ! -s "$T/err" ] || fail "said of what is permitted: $(cat "$T/err")"
until_true 10 has "$T/ear-manager.out" App::other
[ "$(lines "$T/ear-manager.out" App::order)" -eq 0 ] || fail 'it came through'
is proxy-1 rules '.relay[0].relayed == 0' || fail 'it was passed on'

echo '{"topic":"app/orders/stop","event":"App::order","args":[5]}' |
    ctl worker-1 publish --stdin --json >"$T/answer"
jq -e '.published == 1 and .forbidden == 1' "$T/answer" >/dev/null ||
    fail "of a stream: $(cat "$T/answer")"

say 'the manager may'
ctl manager publish app/orders/stop App::order 3
until_true 10 has "$T/ear-worker-2.out" 'App::order(3)'
ctl manager publish app/orders/all/ App::order 4
until_true 10 has "$T/ear-worker-2.out" 'App::order(4)'
[ "$(lines "$T/ear-worker-2.out" App::order)" -eq 2 ] || fail 'more than that'
ctl manager rules | grep -q 'refused by access: ' || fail 'rules does not tell'
