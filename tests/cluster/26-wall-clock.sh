#!/usr/bin/env bash
# The wall clock leaps by years under running nodes: links stand, nobody is
# missed and losses are noticed as ever.  A certificate that expires under a
# standing link is refused at the next one, by name, until it is renewed.
set -eu
. "$(dirname "$0")/lib.sh"

YEAR=31536000
export LEAPCLOCK=$T/ahead

# leap SECONDS: from now on the clocks are ahead by that
leap() {
	echo "$1" >"$T/ahead.new"
	mv "$T/ahead.new" "$T/ahead"
}

# wrongly COMMAND...: with the wrong clock
wrongly() {
	# The sanitizers want to be first, and need not be.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
	    LD_PRELOAD=$(realpath "$B/tests/leapclock.so") "$@"
}

five_nodes 'limits: {ping: 500 ms, dead: 4 s}'
certificates
"$MUSTERCTL" -q -f "$LAYOUT" tls issue worker-1 --force --days 800
leap 0
# shellcheck disable=SC2086
wrongly start $NODES
# shellcheck disable=SC2086
await started $NODES

# lost: a node that has missed another
lost() {
	cat "$T"/*.out | grep -q 'is down$\|is down (\|degraded\|silent'
}
# pinged: all peers of the manager have been heard since the clock leapt
pinged() {
	is manager peers '[.peers[] | .heard_ms < 2000] | all'
}
for years in 1 -1 2 0; do
	say "the clocks are wrong by $years years"
	leap $((years * YEAR))
	never 3 lost
	until_true 10 pinged
done

say 'a death is noticed a year ahead, and the return two years behind that'
leap $YEAR
kill9 worker-2
until_true 20 is manager status '.state == "degraded"'
leap -$YEAR
wrongly start worker-2
# It was issued in what is the future now.
finish worker-2 10
[ "$STATUS" -eq 66 ] || fail "status $STATUS with a certificate of the future"
has "$T/worker-2.out" 'worker-2.pem is not valid before' ||
    fail "not said: $(tail -n 2 "$T/worker-2.out")"
leap 0
wrongly start worker-2
# shellcheck disable=SC2086
await restored $NODES

say 'a certificate is about to expire'
is worker-1 status 'has("certificate") | not' || fail 'said too early'
leap $((790 * 86400 + 43200))
ctl worker-1 status >"$T/status"
has "$T/status" 'the own certificate expires in 9 days' ||
    fail "status: $(cat "$T/status")"

say 'a certificate expires: the link that stands goes on'
leap $((801 * 86400))
is worker-1 status '.certificate | contains("has expired")' || fail 'not said'
never 6 is manager status '.state == "degraded"'

say 'the next one is refused, by name and date'
freeze worker-1
until_true 20 is manager status '.state == "degraded"'
thaw worker-1
expired() {
	grep -q "the peer's certificate (worker-1) expired on" "$T/manager.out"
}
until_true 20 expired
until_true 20 has "$T/worker-1.out" \
    'the peer does not accept our certificate (expired)'

say 'renewed and reloaded it is back'
wrongly "$MUSTERCTL" -q -f "$LAYOUT" tls issue worker-1 --force
ctl worker-1 reload >/dev/null
# shellcheck disable=SC2086
await restored $NODES
is worker-1 status 'has("certificate") | not' || fail 'said after the renewal'
for node in $NODES; do
	n=$(lines "$T/$node.out" 'cluster started$')
	[ "$n" -le 2 ] || fail "$node saw the cluster start $n times"
done
expect_lines 1 "$T/manager.out" 'cluster started$'
