#!/usr/bin/env bash
# Nothing is relayed between peers unless the layout says so; then along a
# chain it arrives once, and in a cycle it stops going round.
set -eu
. "$(dirname "$0")/lib.sh"

# chain EXTRA: a ring of four, each dials the next; without the last link a
# chain
chain() {
	ports 4
	cat >"$LAYOUT" <<END
cluster: chain
tls: none
subscriptions: [far/]
$1
nodes:
  manager: {role: manager, host: 127.0.0.1, port: ${P[0]}, connect: [a]}
  a: {role: proxy, host: 127.0.0.1, port: ${P[1]}, connect: [b]}
  b: {role: proxy, host: 127.0.0.1, port: ${P[2]}, connect: [c]}
  c: {role: proxy, host: 127.0.0.1, port: ${P[3]}, connect: [$2]}
END
	start manager a b c
	await connected manager a b c
	watch c far far/
	watch manager own far/
	until_true 10 is b peers '[.peers[] | select(.state == "up")] | length == 2'
}

end_chain() {
	stop manager a b c
	finish far 5
	finish own 5
	rm -rf "$T/var" "$T"/*.out
}

say 'no forwarding: the next hop is the last'
chain '' ''
watch a near far/
ctl manager publish far/x Far::e 1
until_true 10 has "$T/near.out" Far::e
never 0.5 has "$T/far.out" Far::e
end_chain
finish near 5

say 'a chain: once at its end'
chain 'forward: [far/]' ''
for i in $(seq 100); do
	echo "{\"topic\":\"far/$i\",\"event\":\"Far::e\",\"args\":[$i]}"
done | ctl manager publish --stdin -q
until_true 10 has_lines 100 "$T/far.out" Far::e
never 0.5 has_lines 101 "$T/far.out" Far::e
until_true 10 has_lines 100 "$T/own.out" Far::e
expect_lines 100 "$T/own.out" Far::e
[ "$(sort -u "$T/far.out" | wc -l)" -eq 100 ] || fail 'some came twice'
end_chain

say 'a cycle: each gets it, and it does not go round for ever'
chain 'forward: [far/]' manager
until_true 10 is c peers '[.peers[] | select(.state == "up")] | length == 2'
until_true 10 is manager peers '[.peers[] | select(.state == "up")] | length == 2'
for i in $(seq 100); do
	echo "{\"topic\":\"far/$i\",\"event\":\"Far::e\",\"args\":[$i]}"
done | ctl manager publish --stdin -q
until_true 10 has_lines 100 "$T/far.out" Far::e
total() {
	local n=0 node
	for node in manager a b c; do
		n=$((n + $(field $node status .router.received.data)))
	done
	echo $n
}
never 1 has_lines 101 "$T/far.out" Far::e
calm() { # what was under way has arrived
	local before
	before=$(total)
	pause 0.5
	[ "$(total)" -eq "$before" ]
}
until_true 10 calm
is c status '.router.duplicates > 0' || is b status '.router.duplicates > 0' ||
    is a status '.router.duplicates > 0' || fail 'no duplicate was seen'
