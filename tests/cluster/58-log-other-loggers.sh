#!/bin/bash
# A logger that is not Muster's gets what Zeek's workers would send it: the
# streams before the hello, batches on its node topic.  A layout may switch
# sending and local files off.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sending.sh"

ports 2
cat >"$LAYOUT" <<END
cluster: other
tls: none
logs: {batch_interval: 3 s} # longer than it takes to bring 1000
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}, connect: []}
  logger-1: {role: logger, host: 127.0.0.1, port: ${P[1]}}
  worker-1: {role: worker, host: 127.0.0.1}
END

say 'records wait while there is no logger'
start manager worker-1
await listening manager worker-1
ship worker-1 Wait::LOG 1 1000
sender_is worker-1 '.spool.waiting >= 1000'

say 'a logger without acknowledgements: streams, hello, batches'
raw logger --filter zeek/cluster/node/logger-1/ --filter zeek/logs/ \
    --filter zeek/cluster/nodeid/ --deadline $((60 * slow)) \
    listen 127.0.0.1 "${P[1]}" handshake hello logger-1 hold
until_true 20 delivered worker-1
# line PATTERN: the first that holds it, its number
line() {
	grep -naE -m 1 "$1" "$T/logger.out" | cut -d : -f 1
}
until_true 10 line 'node/logger-1/.*Wait::LOG'
hello=$(line 'zeek/cluster/nodeid/.*Cluster::hello')
for stream in Cluster Broker Wait; do
	[ "$(line "^data zeek/logs/$stream::LOG .*\(1, 2, ")" -lt "$hello" ] ||
	    fail "$stream::LOG is not described before the hello"
done
[ "$(line 'node/logger-1/.*Wait::LOG')" -gt "$hello" ] || fail 'too early'
# 1000 records as batches of 400, 400, 200
batches() {
	[ "$(grep -caE '^data zeek/cluster/node/logger-1/ .*Wait::LOG' \
	    "$T/logger.out")" -eq 3 ]
}
until_true 10 batches
[ "$(sender worker-1 '.loggers[0].acknowledges')" = false ]

say 'sending and local files can be switched off'
stop manager worker-1
rm -rf "$T/var/log/muster/worker-1"
sed -i 's/^logs: .*/logs: {remote: false, local: false}/' "$LAYOUT"
start worker-1
await listening worker-1
ship worker-1 Off::LOG 1 10 "$T/ship.out" && fail 'it was accepted'
has "$T/ship.out" 'this node sends no logs' || fail "$(cat "$T/ship.out")"
stop worker-1
[ ! -e "$(log_of worker-1 cluster)" ] || fail 'there is a cluster.log'
