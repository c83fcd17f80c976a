#!/usr/bin/env bash
# musterd -a runs fifty nodes over TLS on this machine until cluster_started;
# a random node killed again and again always comes back, and the broadcast
# was made once by each manager that saw the whole cluster form.
# time limit: 1800 s
set -eu
. "$(dirname "$0")/lib.sh"
kills=${MUSTER_KILLS:-100}
if [ "${MUSTER_SANITIZED:-0}" = 1 ]; then
	kills=${MUSTER_KILLS:-10} # fifty sanitized processes are slow enough
fi
seed=${MUSTER_SEED:-$RANDOM}
RANDOM=$seed
say "$kills kills, seed $seed"

ports 10
{
	echo "cluster: fifty"
	echo "nodes:"
	echo "  manager: {role: manager, host: 127.0.0.1, port: ${P[0]}}"
	for i in 1 2 3; do
		echo "  logger-$i: {role: logger, host: 127.0.0.1, port: ${P[$i]}}"
	done
	for i in 1 2 3 4 5 6; do
		echo "  proxy-$i: {role: proxy, host: 127.0.0.1, port: ${P[$((i + 3))]}}"
	done
	echo "  worker-[1-40]: {role: worker, host: 127.0.0.1}"
} >"$LAYOUT"
certificates
"$MUSTERD" -a -d -f "$LAYOUT" -r "$T" >"$T/all.out" 2>&1 </dev/null &
PID[all]=$!
since=$(now_ms)
ctl manager wait --for started --timeout "$((60 * slow))s"
say "started after $(($(now_ms) - since)) ms"
until_true 20 is manager status '[.nodes[] | select(.state == "up")] | length == 50'
watch worker-1 started zeek/cluster/experimental/started
WATCHED=worker-1

mapfile -t names < <(field manager status '.nodes[].name')
manager_died=0
for ((k = 1; k <= kills; k++)); do
	node=${names[$((RANDOM % ${#names[@]}))]}
	if [ $((k % 10)) -eq 0 ]; then
		node=manager # often enough
	fi
	if [ "$node" = $WATCHED ]; then
		continue # the witness stays
	fi
	[ "$node" != manager ] || manager_died=$((manager_died + 1))
	pid=$(cat "$T/var/lib/muster/$node/lock")
	kill -KILL "$pid"
	until_true 10 gone "$pid"
	ctl "$node" wait --for restored --timeout "$((60 * slow))s" ||
	    fail "kill $k, of $node: it did not come back"
	ctl manager wait --for restored --timeout "$((60 * slow))s" ||
	    fail "kill $k, of $node: the cluster is not whole"
done
say "the manager died $manager_died times"
expect_lines 0 "$T/started.out" cluster_started
expect_lines 1 "$(log_of manager cluster)" 'cluster connected$'
kill -TERM "${PID[all]}"
finish all 30
[ "$STATUS" -eq 0 ] || fail "musterd -a ended with status $STATUS"
finish started 5 # the witness names the layout, too
if pgrep -f "[-]f $LAYOUT" >/dev/null; then
	fail 'nodes are left over'
fi
