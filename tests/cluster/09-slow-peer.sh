#!/usr/bin/env bash
# A peer that stopped reading never makes a node grow beyond its limit: each
# policy keeps the queue bounded, counts what it drops and logs it once.
set -eu
. "$(dirname "$0")/lib.sh"

# The others have read all: what is published next finds room with them.
others_have_read() {
	is manager peers '[.peers[] | select(.name != "worker-1") |
	    .queue.messages] | add == 0'
}

# publish N: N times 800 events of 1 kB to everybody who listens to flood/
publish() {
	local text
	text=$(printf 'x%.0s' $(seq 1000))
	for _ in $(seq "$1"); do
		for i in $(seq 800); do
			echo "{\"topic\":\"flood/a\",\"event\":\"F::e\",\"args\":[\"string:$i $text\"]}"
		done | ctl manager publish --stdin --json
		until_true 20 others_have_read
	done
}

# overflow POLICY: worker-1 stops reading, the manager goes on publishing
overflow() {
	local before after
	five_nodes "tls: none
limits: {queue: 1 MiB, queue_messages: 4000, overflow: $1, backpressure: 0, dead: 60 s, ping: 30 s}
subscriptions: [flood/]"
	# shellcheck disable=SC2086
	start $NODES
	# shellcheck disable=SC2086
	await started $NODES
	watch worker-2 flood flood/last
	freeze worker-1
	before=$(rss manager)
	publish 25 >"$T/count"
	jq -es 'map(.published) | add == 20000' "$T/count" >/dev/null ||
	    fail "published $(cat "$T/count")"
	after=$(rss manager)
	say "$1: resident memory $before kB before, $after kB after"
	if [ "${MUSTER_SANITIZED:-0}" != 1 ]; then
		[ $((after - before)) -lt 16000 ] || fail 'memory grew'
	fi
}

worker_1='.peers[] | select(.name == "worker-1")'
for policy in drop_oldest drop_newest; do
	overflow $policy
	is manager peers "$worker_1 | .queue.bytes <= 1048576 + 65536 and
	    .queue.messages <= 4010 and .dropped.messages > 5000 and
	    .dropped.episodes == 1" ||
	    fail "queue: $(field manager peers "$worker_1 | [.queue, .dropped]")"
	is manager status '.dropped.messages > 5000' ||
	    fail 'status does not tell of drops'
	expect_lines 1 "$T/manager.out" 'worker-1.*(drop|queue)'
	is manager peers '[.peers[] | select(.dropped.messages > 0)] | length == 1' ||
	    fail 'others lost something too'
	say "$policy: what becomes of the cluster is not dropped"
	kill9 proxy-1
	until_true 10 is manager status '.state == "degraded"'
	publish 10

	say "$policy: the peer reads again and nothing else was lost"
	dropped=$(field manager peers "$worker_1 | .dropped.messages")
	thaw worker-1
	until_true 20 is manager peers "$worker_1 | .queue.messages == 0"
	until_true 10 is worker-1 status '.missing == "proxy-1"'
	ctl manager publish flood/last F::last
	until_true 10 has "$T/flood.out" F::last
	until_true 10 is worker-1 status '.router.received.data > 0'
	is manager peers "$worker_1 | .dropped.messages == $dropped" ||
	    fail 'dropped more after the end'
	stop manager logger-1 worker-1 worker-2
	rm -rf "$T/var" "$T"/*.out
	finish flood 5
done

overflow disconnect
until_true 10 is manager peers "[$worker_1 | select(.state == \"up\")] |
    length == 0"
expect_lines 1 "$(log_of manager cluster)" 'node down: worker-1'
say 'disconnect: the peer reads again and comes back by itself'
thaw worker-1
await restored manager worker-1
expect_lines 1 "$T/manager.out" 'worker-1.*(overflow|queue)'
