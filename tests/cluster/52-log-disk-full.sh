#!/usr/bin/env bash
# A full disk on a logger: records stay with the senders, what needs no disk
# goes on, and when there is room again everything arrives, without a restart.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

N=8000
ports 2
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: never, flush: 50 ms}
END
DIR=$(logs_dir logger-1)
mkdir -p "$DIR"
mount -t tmpfs -o size=256k tmpfs "$DIR" 2>/dev/null || skip 'no mounts here'
AT_END="umount $DIR"
start manager logger-1 worker-1
await started manager worker-1

say 'more records than there is room'
records "$T/in" 0 $N
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 is logger-1 logs '.logger.state == "failing"'
until_true 20 is worker-1 logs '.sender.loggers[0].refusals > 0'
has "$T/logger-1.out" 'No space left on device' || fail 'it does not say why'
ctl logger-1 status >"$T/shown" || :
has "$T/shown" 'logger: failing' || fail 'status does not say it'
ctl logger-1 logs | grep -q 'No space left on device' || fail 'nor here'

say 'the spool has the rest'
is worker-1 logs '.sender.spool.waiting > 1000' ||
    fail "$(field worker-1 logs .sender.spool)"
[ "$(all_lines test logger-1 | wc -l)" -lt $N ] || fail 'where did it go?'

say 'routing goes on'
watch worker-1 events app/
knows() { # the manager, what worker-1 subscribes
	ctl manager peers --topics --json |
	    jq -e '.peers[] | select(.name == "worker-1") |
	    .topics | index("app/")'
}
until_true 10 knows
ctl manager publish app/x App::event count:1
until_true 10 has "$T/events.out" 'App::event'
is manager status .started || fail 'the cluster is not started'
[ "$(lines "$T/logger-1.out" 'No space left')" -le 3 ] ||
    fail 'it says so again and again'

say 'room again'
mount -o remount,size=8m "$DIR"
until_true 60 is worker-1 logs '.sender.spool.waiting == 0'
until_true 20 is logger-1 logs '.logger.state == "writing"'
once $N test logger-1
has "$T/logger-1.out" 'writing again' || fail 'it does not say so'
is logger-1 logs '.logger.rejected == 0' || fail 'something was rejected'
stop logger-1 worker-1 manager
once $N test logger-1
