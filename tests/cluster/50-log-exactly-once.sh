#!/usr/bin/env bash
# Two loggers, four workers; loggers are killed, frozen, stopped and started at
# random while records come: each accepted record is on disk exactly once, and
# what the nodes have counted adds up.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

EACH=${MUSTER_LOG_RECORDS:-50000} # per worker
[ "${MUSTER_SANITIZED:-0}" = 0 ] || EACH=$((EACH / 5))
ports 3
cat >"$LAYOUT" <<END
cluster: logs
nodes:
  manager:      {role: manager, port: ${P[0]}}
  logger-1:     {role: logger, port: ${P[1]}}
  logger-2:     {role: logger, port: ${P[2]}}
  worker-[1-4]: {role: worker}
limits: {ping: 500 ms, dead: 2 s}
logs: {rotate: 2 s, flush: 50 ms, batch_records: 50}
END
certificates
start manager logger-1 logger-2 worker-1 worker-2 worker-3 worker-4
await started manager worker-1 worker-2 worker-3 worker-4

say "$EACH records of each worker"
declare -a WRITERS=()
for i in 1 2 3 4; do
	records "$T/in$i" $(((i - 1) * EACH)) "$EACH"
	"$MUSTERCTL" -q -f "$LAYOUT" -r "$T" -n "worker-$i" log write \
	    Test::LOG "$T/in$i" >"$T/write$i.out" 2>&1 &
	WRITERS+=($!)
	OTHERS+=($!)
done
kills=0
RANDOM=${MUSTER_SEED:-7}
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	victim=logger-$((RANDOM % 2 + 1))
	case $((RANDOM % 6)) in
	0)	await listening "$victim" # it knows its signals by then
		stop "$victim"
		start "$victim" ;;
	1)	freeze "$victim"
		pause 0.3
		thaw "$victim" ;;
	*)	kill9 "$victim"
		kills=$((kills + 1))
		start "$victim" ;;
	esac
	pause 0.$((RANDOM % 4 + 1))
done
echo "  ($kills kills)"
for i in 0 1 2 3; do
	rc=0
	wait "${WRITERS[$i]}" || rc=$?
	[ "$rc" -eq 0 ] || fail "log write: status $rc: $(cat "$T/write$((i + 1)).out")"
done

say 'all of it is delivered'
delivered() {
	local i
	for i in 1 2 3 4; do
		is "worker-$i" logs '.sender.spool.waiting == 0 and
		    .sender.spool.collected == 0' || return 1
	done
}
until_true 60 delivered
until_true 10 all_there $((4 * EACH)) test logger-1 logger-2
once $((4 * EACH)) test logger-1 logger-2

say 'the counters agree'
for i in 1 2 3 4; do
	is "worker-$i" logs ".sender.streams[] | select(.path == \"test\") |
	    .accepted == $EACH and .dropped == 0" ||
	    fail "worker-$i: $(field "worker-$i" logs .sender)"
	is "worker-$i" logs '.sender.spool.doubtful == 0' ||
	    fail "worker-$i sent something to two loggers"
done
for node in manager worker-1 worker-2 worker-3 worker-4; do
	is "$node" logs '.sender.spool | .accepted + .found ==
	    .delivered + .waiting + .dropped and .refused == 0 and
	    .damaged == 0' || fail "$node: $(field "$node" logs .sender.spool)"
	# What each logger was given is what there was to give.
	is "$node" logs '.sender | ([.loggers[].delivered] | add) ==
	    .spool.delivered' || fail "$node: $(field "$node" logs .sender)"
done
for l in logger-1 logger-2; do
	is "$l" logs '.logger.rejected == 0 and .logger.dropped == 0 and
	    .logger.unknown == 0 and .logger.state == "writing"' ||
	    fail "$l: $(field "$l" logs .logger)"
done

say 'again after an orderly end'
stop logger-1 logger-2
once $((4 * EACH)) test logger-1 logger-2
[ ! -e "$(logs_dir logger-1)/test.log" ] || fail 'a file was not rotated'
