#!/usr/bin/env bash
# A node that is told to stop says goodbye to its peers, exits with status 0
# and leaves neither socket nor lock behind.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
raw witness --tls "$T/tls/worker-2.pem" "$T/tls/worker-2.key" \
    connect 127.0.0.1 "${P[2]}" handshake eof
until_true 10 has "$T/witness.out" 'up '

say 'by signal: goodbye, status 0, nothing left'
kill -TERM "${PID[proxy-1]}"
finish proxy-1 10
[ "$STATUS" -eq 0 ] || fail "status $STATUS"
finish witness 5
has "$T/witness.out" bye || fail 'no goodbye'
has "$T/witness.out" closed || fail 'not closed after the goodbye'
until_true 5 has "$(log_of worker-1 cluster)" 'node down: proxy-1'
until_true 5 has "$(log_of worker-1 broker)" $'connection-terminated\t'
has "$(log_of proxy-1 broker)" $'peer-removed\t' ||
    fail 'its own broker.log does not tell'
tail -n 1 "$(log_of proxy-1 cluster)" | grep -q '^#close' ||
    fail 'cluster.log is not closed'
[ ! -e "$T/run/muster/proxy-1.sock" ] || fail 'the socket is left'
rc=0
ctl proxy-1 status 2>"$T/err" || rc=$?
[ $rc -eq 2 ] || fail "status of a stopped node: $rc"

say 'by musterctl, with a peer that does not answer'
freeze worker-1
ctl manager stop
finish manager 10
[ "$STATUS" -eq 0 ] || fail "status $STATUS"
thaw worker-1

say 'it may start again at once'
start manager proxy-1
# shellcheck disable=SC2086
await started $NODES

say 'interrupted while it starts and nobody is there'
# shellcheck disable=SC2086
stop $NODES
start worker-1
await listening worker-1
kill -INT "${PID[worker-1]}"
finish worker-1 10
[ "$STATUS" -eq 0 ] || fail "status $STATUS"
if [ -n "$(find "$T/run" -name '*.sock')" ]; then
	fail "sockets are left: $(find "$T/run" -name '*.sock')"
fi
