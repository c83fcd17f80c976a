#!/usr/bin/env bash
# Worker to all workers over relays: each event once at each worker, also with
# two relays alive, also while one of them is killed; a circle made of different
# layouts does not storm.
set -eu
. "$(dirname "$0")/lib.sh"

# events FIRST LAST TOPIC: as lines for publish --stdin
events() {
	local i
	for ((i = $1; i <= $2; i++)); do
		echo "{\"topic\":\"$3\",\"event\":\"App::e\",\"args\":[$i]}"
	done
}

# between FIRST LAST FILE: how many events with such a number came
between() {
	awk -F '[()]' -v a="$1" -v b="$2" '$2 >= a && $2 <= b' "$3" | wc -l
}

# numbers FIRST LAST FILE: these events, each number as often as it came
numbers() {
	awk -F '[()]' -v a="$1" -v b="$2" '$2 >= a && $2 <= b { print $2 }' \
	    "$3" | sort
}

# twice FILE: events that came more than once
twice() {
	sort "$1" | uniq -d | wc -l
}

ports 4
cat >"$LAYOUT" <<END
cluster: nine
tls: none
nodes:
  manager:      {role: manager, host: 127.0.0.1, port: ${P[0]}}
  logger-1:     {role: logger, host: 127.0.0.1, port: ${P[1]}}
  proxy-1:      {role: proxy, host: 127.0.0.1, port: ${P[2]}}
  proxy-2:      {role: proxy, host: 127.0.0.1, port: ${P[3]}}
  worker-[1-3]: {role: worker, host: 127.0.0.1}
relay:
  - {topic: app/by-manager/, by: [manager], to: zeek/cluster/worker}
  - {topic: app/by-proxy/, by: [proxy], to: zeek/cluster/worker}
END
NODES='manager logger-1 proxy-1 proxy-2 worker-1 worker-2 worker-3'
WORKERS='worker-1 worker-2 worker-3'
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
for w in $WORKERS; do
	watch $w "ear-$w" zeek/cluster/worker
done

say 'over the manager: once at each, the publisher too'
events 1 100 app/by-manager/x | ctl worker-1 publish --stdin -q
for w in $WORKERS; do
	until_true 10 has_lines 100 "$T/ear-$w.out" App::e
done
is worker-1 rules '.relay[0].published == 100' || fail 'not counted'
is manager rules '.relay[0].here and .relay[0].relayed == 100' ||
    fail 'the manager did not pass them on'

say 'over two proxies: once at each, half by each'
events 101 300 app/by-proxy/ | ctl worker-2 publish --stdin -q
for w in $WORKERS; do
	until_true 10 has_lines 300 "$T/ear-$w.out" App::e
done
for w in $WORKERS; do
	[ "$(between 101 300 "$T/ear-$w.out")" -eq 200 ] &&
	    [ "$(twice "$T/ear-$w.out")" -eq 0 ] || fail "$w: some came twice"
done
for p in proxy-1 proxy-2; do
	is $p rules '.relay[1].relayed == 100' || fail "$p: $(ctl $p rules)"
done
ctl worker-2 publish app/by-proxy/ App::e 301 --json >"$T/answer"
jq -e '.receivers == 1 and .relay.rule == 2 and
    (.relay.node | startswith("proxy-"))' "$T/answer" >/dev/null ||
    fail "no relay in $(cat "$T/answer")"

say 'one is killed while events are under way'
watch proxy-2 relayed zeek/cluster/node/proxy-2/app/by-proxy/
mkfifo "$T/in"
"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n worker-2 publish --stdin -q <"$T/in" &
PID[publisher]=$!
exec {IN}>"$T/in"
events 302 1000 app/by-proxy/ >&"$IN"
kill9 proxy-1
events 1001 2000 app/by-proxy/ >&"$IN"
exec {IN}>&-
finish publisher 10
[ "$STATUS" -eq 0 ] || fail 'not all were published'
alone() {
	is worker-2 rules '.relay[1].up == 1'
}
until_true 10 alone
events 2001 2100 app/by-proxy/ | ctl worker-2 publish --stdin -q
for w in $WORKERS; do
	until_true 10 has "$T/ear-$w.out" "(2100)"
	n=$(between 2001 2100 "$T/ear-$w.out")
	[ "$n" -eq 100 ] || fail "$w: $n of 100 events after the death"
	[ "$(twice "$T/ear-$w.out")" -eq 0 ] || fail "$w: some came twice"
done
# Half and more went to the one that lives, and each of these came to everybody
# once; what is missing was on the way to the dead one or through it.
until_true 10 has "$T/relayed.out" "(2100)"
numbers 302 2100 "$T/relayed.out" >"$T/relayed"
n=$(lines "$T/relayed" .)
[ "$n" -ge $((1699 / 2 + 100)) ] || fail "the living relay had $n events"
[ "$(twice "$T/relayed")" -eq 0 ] || fail 'the relay had some twice'
for w in $WORKERS; do
	numbers 302 2100 "$T/ear-$w.out" | comm -13 - "$T/relayed" >"$T/missing"
	[ ! -s "$T/missing" ] ||
	    fail "$w: lost over the living relay: $(head -5 "$T/missing")"
done

say 'none is left: the publisher is told, and it is counted'
kill9 proxy-2
nobody() {
	is worker-2 rules '.relay[1].up == 0'
}
until_true 10 nobody
ctl worker-2 publish app/by-proxy/ App::e 9 2>"$T/err"
has "$T/err" 'no node that passes on app/by-proxy/' || fail "$(cat "$T/err")"
is worker-2 rules '.relay[1].lost == 1' || fail 'not counted'
has "$T/worker-2.out" 'relay 2 (app/by-proxy/' || fail 'not logged'

say 'they come back'
: >"$T/proxy-1.out"
start proxy-1 proxy-2
both() {
	is worker-2 rules '.relay[1].up == 2'
}
until_true 20 both
for w in $WORKERS; do
	until_true 20 is $w peers '[.peers[] | select(.state == "up" and
	    (.name | startswith("proxy-")))] | length == 2'
done
for p in proxy-1 proxy-2; do # who dials is up before who is dialled
	until_true 20 is $p peers '[.peers[] | select(.state == "up" and
	    (.name | startswith("worker-")))] | length == 3'
done
returned() {
	[ "$(between 3001 3100 "$T/ear-$1.out")" -eq 100 ]
}
events 3001 3100 app/by-proxy/ | ctl worker-2 publish --stdin -q
for w in $WORKERS; do
	# the last may come over one relay before those over the other
	until_true 10 returned "$w"
done

say 'a reload changes rules without a restart'
sed -i 's/by: \[manager\], to: zeek.cluster.worker/by: [manager], to: other/' "$LAYOUT"
for node in $NODES; do
	ctl $node reload >"$T/reloaded"
done
grep -q 'relay .*to: other} added' "$T/reloaded" || fail "$(cat "$T/reloaded")"
watch manager other other
ctl worker-3 publish app/by-manager/ App::changed
until_true 10 has "$T/other.out" App::changed
# shellcheck disable=SC2086
stop $NODES
for w in $WORKERS; do
	finish "ear-$w" 5
done
finish other 5

say 'three layouts, each with a third of a circle'
rm -rf "$T/var" "$T"/*.out
# third NODE RULE: the layout of one node
third() {
	sed '/^relay:/,$d' "$LAYOUT" >"$T/$1.yaml"
	echo "relay: [$2]" >>"$T/$1.yaml"
	"$MUSTERD" -d -f "$T/$1.yaml" -r "$T" "$1" >>"$T/$1.out" 2>&1 &
	PID[$1]=$!
}
third manager '{topic: a/, by: [manager], to: b/}'
third proxy-1 '{topic: b/, by: [proxy-1], to: c/}'
third worker-1 '{topic: c/, by: [worker-1], to: a/}'
start logger-1
for node in manager proxy-1 worker-1; do
	until_true 20 is $node peers \
	    '[.peers[] | select(.state == "up")] | length == 3'
done
total() {
	local n=0 node
	for node in manager proxy-1 worker-1; do
		n=$((n + $(field $node status .router.received.data)))
	done
	echo $n
}
before=$(total)
events 1 20 a/ | ctl worker-1 publish --stdin -q
cut() {
	local n=0 node
	for node in manager proxy-1 worker-1; do
		n=$((n + $(field $node rules '.relay[0].circled')))
	done
	[ $n -eq 20 ]
}
until_true 10 cut
after=$(total)
# each event is received at most 6 times; a few hellos and states besides
[ $((after - before)) -le 160 ] || fail "$((after - before)) messages for 20"
cat "$T"/{manager,proxy-1,worker-1}.out >"$T/all"
expect_lines 1 "$T/all" 'may form a circle'
grew() {
	[ "$(total)" -gt $((after + 20)) ]
}
never 1 grew
