#!/usr/bin/env bash
# A logger whose disk fails for a while under the journal, in three ways: it
# takes no records meanwhile, which wait at their sender, and goes on without a
# restart; each is written once, and none is lost by kill -9 afterwards.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

N=1000
ports 2
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: 1 h, flush: 50 ms, sync: true}
END
export SLOWDISK_PATH=/logger-1/logger/ SLOWDISK_FAIL=$T/fail
start manager worker-1
start_slow logger-1
await started manager worker-1
n=0

# more: so many records, which the spool accepts
more() {
	records "$T/in" $n $N
	ctl worker-1 -q log write Test::LOG "$T/in"
	n=$((n + N))
}
waiting() {
	is worker-1 logs ".sender.spool.waiting $1"
}

more
until_true 20 waiting '== 0'
for how in syncs writes metadata; do
	say "$how fail"
	echo "$how" >"$T/fail"
	more
	until_true 10 is logger-1 logs '.logger.state == "failing"'
	waiting ">= $N" || fail "$(field worker-1 logs .sender.spool)"
	is logger-1 status '.logger_error != null' ||
	    fail "$(ctl logger-1 status)"
	is manager status '.state == "started" or .state == "restored"' ||
	    fail "$(ctl manager status)"
	say 'the disk works again'
	rm "$T/fail"
	until_true 20 waiting '== 0'
	once $n test logger-1
	until_true 10 is logger-1 logs '.logger.state == "writing"'
done

say 'what was taken is there after kill -9'
more
until_true 20 waiting '== 0'
kill9 logger-1
start_slow logger-1
await restored manager
more
until_true 20 waiting '== 0'
stop worker-1 logger-1 manager
once $n test logger-1
