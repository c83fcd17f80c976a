#!/usr/bin/env bash
# A network that loses all packets without a word, one way, the other and both:
# each outage is noticed once by both ends, and is over once when it is over.
# In network namespaces, which not everybody may make.
set -eu
if [ -z "${MUSTER_OWN_NET:-}" ]; then
	how=-n
	[ "$(id -u)" -eq 0 ] || how=-rn
	for program in ip tc nsenter unshare; do
		command -v $program >/dev/null || {
			echo "skipped: $program is not installed"
			exit 77
		}
	done
	unshare $how true 2>/dev/null || {
		echo 'skipped: no network namespaces'
		exit 77
	}
	MUSTER_OWN_NET=1 exec unshare $how "$0"
fi
. "$(dirname "$0")/lib.sh"

# Two hosts: ours, and that of a process that sleeps.
unshare -n sleep 100000 &
HOST=$!
OTHERS+=("$HOST")
there() {
	nsenter -t "$HOST" -n "$@"
}
apart() {
	[ "$(readlink "/proc/$HOST/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
until_true 10 apart
mac() {
	"$@" | sed -n 's/.*ether \([0-9a-f:]*\).*/\1/p'
}
network() {
	ip link set lo up && there ip link set lo up &&
	    ip link add here type veth peer name away netns "$HOST" &&
	    ip addr add 10.9.0.1/24 dev here && ip link set here up &&
	    there ip addr add 10.9.0.2/24 dev away &&
	    there ip link set away up &&
	    ip neigh replace 10.9.0.2 dev here nud permanent \
		lladdr "$(mac there ip -o link show away)" &&
	    there ip neigh replace 10.9.0.1 dev away nud permanent \
		lladdr "$(mac ip -o link show here)"
}
network || skip 'no two hosts in network namespaces'

# lose add|del WAY: packets find no room in a queue of one byte
lose() {
	case $2 in
	there|both)	tc qdisc "$1" dev here root bfifo limit 1 ;;
	esac
	case $2 in
	back|both)	there tc qdisc "$1" dev away root bfifo limit 1 ;;
	esac
}
lose add both 2>/dev/null || skip 'no queues that lose packets'
lose del both

ports 3
cat >"$LAYOUT" <<END
cluster: four
limits: {ping: 500 ms, dead: 3 s}
nodes:
  manager:  {role: manager, host: 10.9.0.1, port: ${P[0]}}
  logger-1: {role: logger, host: 10.9.0.1, port: ${P[1]}}
  proxy-1:  {role: proxy, host: 10.9.0.1, port: ${P[2]}}
  worker-1: {role: worker, host: 10.9.0.2}
END
NODES='manager logger-1 proxy-1 worker-1'
certificates
start manager logger-1 proxy-1
# Not through there: the process itself must be the child.
nsenter -t "$HOST" -n "$MUSTERD" -d -f "$LAYOUT" -r "$T" worker-1 \
    >"$T/worker-1.out" 2>&1 </dev/null &
PID[worker-1]=$!
# shellcheck disable=SC2086
await started $NODES

is_degraded() {
	is "$1" status '.state == "degraded"'
}
outages=0
for way in there back both; do
	say "packets are lost: $way"
	outages=$((outages + 1))
	lose add $way
	until_true 15 is_degraded manager
	until_true 15 is_degraded worker-1
	until_true 15 has_lines $((3 * outages)) "$T/worker-1.out" \
	    'node .* is down'
	until_true 15 has_lines $((3 * outages)) "$T/worker-1.out" \
	    'cannot reach .*; retrying'

	say 'they come through again'
	lose del $way
	# shellcheck disable=SC2086
	await restored $NODES
	for node in manager logger-1 proxy-1; do
		expect_lines $outages "$T/$node.out" 'node worker-1 is down'
	done
	expect_lines $((3 * outages)) "$T/worker-1.out" 'node .* is down'
	for node in $NODES; do
		expect_lines 1 "$T/$node.out" 'cluster started$'
		expect_lines $outages "$T/$node.out" 'cluster restored$'
	done
done
# Who notices first tells the other, if that way is open.
for node in $NODES; do
	has_lines 1 "$T/$node.out" 'silent for [0-9]+ ms' ||
	    fail "$node does not say why"
done
