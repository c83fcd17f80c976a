#!/bin/bash
# All loggers are down while records are written: the spool fills up to its
# limit, what does not fit is refused or the oldest dropped, as the layout says,
# and counted; the rest arrives when a logger is back.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

five_nodes 'tls: none
logs: {rotate: never, batch_interval: 100 ms, spool: 64 KiB}'
start $NODES
await started $NODES
stop logger-1

say 'without a logger records are accepted up to the limit'
PATIENCE=0s ship worker-1 Full::LOG 1 20000 "$T/ship.out" && fail 'all were accepted'
STATUS=$?
has "$T/ship.out" 'the spool has reached its limit of 65536 bytes' ||
    fail "$(cat "$T/ship.out")"
accepted=$(sender worker-1 '.streams[] | select(.path == "full") | .accepted')
refused=$(sender worker-1 '.spool.refused')
[ "$accepted" -gt 1000 ] || fail "only $accepted were accepted"
[ "$refused" -ge 400 ] || fail "$refused were refused"
sender_is worker-1 '.spool | .bytes <= .limit and .waiting >= 1000'
# once per episode
expect_lines 1 "$T/worker-1.out" 'warning: logs: the spool has reached its limit'

say 'events go on meanwhile'
watch worker-2 seen app/
ctl worker-1 publish app/x App::x >/dev/null || :
ctl worker-2 publish app/x App::x >/dev/null || :
is worker-1 status '.state != null'

say 'what was accepted arrives when the logger is back'
start logger-1
until_true 30 delivered worker-1
after=$(sed -n 's/.*--after \([0-9]*\).*/\1/p' "$T/ship.out")
[ "$after" = "$accepted" ] || fail "$accepted accepted, but: $(cat "$T/ship.out")"
once 1 "$accepted" full
until_true 10 has "$T/worker-1.out" 'the spool has room again'

say 'and the rest, too, when it is written again'
ship worker-1 Full::LOG "$((accepted + 1))" $((accepted + 500))
until_true 30 delivered worker-1
once 1 $((accepted + 500)) full

say 'the other policy drops the oldest'
sed -i 's/spool: 64 KiB/spool: 64 KiB, spool_full: drop_oldest/' "$LAYOUT"
ctl worker-2 reload >/dev/null
stop logger-1
ship worker-2 Drop::LOG 1 20000 || fail 'not all were accepted'
dropped=$(sender worker-2 '.spool.dropped')
read -r of_it waiting < <(sender worker-2 '.streams[] |
    select(.path == "drop") | "\(.dropped) \(.waiting)"')
[ "$dropped" -gt 0 ] || fail 'none was dropped'
[ $((of_it + waiting)) -eq 20000 ] || fail "$of_it dropped, $waiting wait"
start logger-1
until_true 30 delivered worker-2
once $((of_it + 1)) 20000 drop
until_true 10 sender_is worker-2 '.spool | .accepted == .delivered + .dropped'
until_true 10 has "$T/worker-2.out" "records were dropped meanwhile"
stop $NODES
