#!/usr/bin/env bash
# A logger that may have no further file refuses the stream instead of dropping
# what was accepted: another logger takes it, or it waits until there may be
# more.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

ports 2
layout() {
	cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: never, flush: 50 ms, batch_interval: 100 ms, batch_records: 20,
  files: $1}
END
}
layout 3 # cluster.log, broker.log and one more
start manager logger-1 worker-1
await started manager worker-1
until_true 20 is logger-1 logs '.logger.streams | length == 2'
records "$T/in" 0 100
ctl worker-1 -q log write A::LOG "$T/in"
until_true 20 all_there 100 a logger-1

say 'one stream too many waits, and says why'
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 20 is worker-1 logs '.sender.loggers[0].error ==
    "the limit logs.files is reached"'
until_true 10 is worker-1 logs '.sender.spool.waiting == 100'
is logger-1 logs '.logger.unknown == 0 and .logger.dropped == 0' ||
    fail "$(ctl logger-1 logs)"

say 'others go on'
records "$T/in" 100 100
ctl worker-1 -q log write A::LOG "$T/in"
until_true 20 all_there 200 a logger-1

say 'with more files it arrives, once'
layout 4
ctl logger-1 -q reload
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 60 all_there 200 test logger-1
until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
once 200 test logger-1
once 200 a logger-1
