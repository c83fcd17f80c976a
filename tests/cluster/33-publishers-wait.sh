#!/usr/bin/env bash
# A subscriber that does not keep up slows down publishers that are Muster
# nodes, over every hop, and nothing is dropped; one that never reads is not
# waited for.
set -eu
. "$(dirname "$0")/lib.sh"

N=20000
text=$(printf 'x%.0s' $(seq 1000))

# layout PATIENCE
layout() {
	ports 1
	cat >"$LAYOUT" <<END
cluster: test
tls: none
forward: [flood/]
subscriptions: [flood/]
limits: {queue: 1 MiB, dead: 60 s, backpressure: $1}
nodes:
  manager: {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-[1-2]: {role: worker, host: 127.0.0.1}
END
}

# publish NODE N
publish() {
	seq "$2" | sed "s/.*/{\"topic\":\"flood\/a\",\"event\":\"F::e\",\"args\":[\"string:& $text\"]}/" |
	    ctl "$1" publish --stdin --json
}

dropped() { # NODE...
	local n
	for n; do
		field "$n" status .dropped.messages
	done | awk '{ n += $1 } END { print n }'
}

to_worker_2='.peers[] | select(.name == "worker-2") | .queue.messages'

layout "1 min"
start manager worker-1 worker-2
await started manager worker-1 worker-2
say "worker-1 publishes, the manager relays, worker-2 does not read"
freeze worker-2
publish worker-1 $N >"$T/count" &
publisher=$!
until_true 20 is manager peers "$to_worker_2 > 300"
until_true 20 is worker-1 peers '.peers[0].queue.messages > 300'
say "the publisher waits; control sockets and other topics do not"
kill -0 $publisher || fail "it did not wait: $(cat "$T/count")"
[ "$(dropped manager worker-1)" = 0 ] || fail 'something was dropped'
ctl manager publish flood/other F::other
say "worker-2 reads again"
thaw worker-2
wait $publisher || fail "publisher: $(cat "$T/count")"
jq -e ".published == $N" "$T/count" >/dev/null ||
    fail "published $(cat "$T/count")"
until_true 30 is worker-2 status ".router.received.data >= $N + 1"
[ "$(dropped manager worker-1 worker-2)" = 0 ] || fail 'something was dropped'
is manager status ".router.received.data >= $N" || fail 'the relay lost some'
stop manager worker-1 worker-2
rm -rf "$T/var"

say "with little patience a stopped subscriber loses, and nobody waits"
layout "200 ms"
start manager worker-1 worker-2
await started manager worker-1 worker-2
freeze worker-2
publish worker-1 $N >"$T/count"
jq -e ".published == $N" "$T/count" >/dev/null ||
    fail "published $(cat "$T/count")"
until_true 20 has "$T/manager.out" 'worker-2: does not read, nobody waits'
[ "$(dropped manager worker-1)" -gt 0 ] || fail 'nothing was dropped'
thaw worker-2
until_true 20 is manager peers "$to_worker_2 == 0"
stop manager worker-1 worker-2
