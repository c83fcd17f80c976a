#!/usr/bin/env bash
# A query ends in its time, in one of six ways: a value, no such key, a type
# that does not fit, no such master, a timeout while a master that is there
# does not send its store, a copy that is stale.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

ports 1
cat >"$LAYOUT" <<END
cluster: two
tls: none
nodes:
  manager:  {role: manager, host: 127.0.0.1, port: ${P[0]}}
  worker-1: {role: worker, host: 127.0.0.1}
stores:
  s: {backend: lmdb, clone_backend: lmdb}
END

# fails WORDS ARGUMENT...: "store ARGUMENT..." at the worker ends in its time
fails() {
	local words=$1
	shift
	outcome 2 worker-1 "$@" --timeout "$patience"
	has "$T/err" "$words" || fail "store $*: $(cat "$T/err")"
}
patience=300ms # of those who are not answered

say 'no master was ever seen'
start worker-1
await listening worker-1
fails 'no such master' get s k
fails 'no such master' put s k 1

say 'somebody has the master, and says nothing'
# shellcheck disable=SC2016 # that is its name
raw silent --deadline 60 --filter 's/<$>/data/master' \
    listen 127.0.0.1 "${P[0]}" handshake echo peered hold
until_true 20 has "$T/silent.out" peered
until_true 20 has "$T/silent.out" 's/<$>/data/master'
fails 'timeout, no answer in time: the copy is not complete yet' get s k
fails 'timeout' exists s k
fails 'timeout' keys s
fails 'timeout, no answer in time: the write may have happened, or may yet' put s k 1
kill "${PID[silent]}"
wait "${PID[silent]}" 2>/dev/null || :

say 'the master is there'
start manager
await started manager worker-1
fresh s manager worker-1
done_at worker-1 put s k one
outcome 0 worker-1 get s k
[ "$OUT" = one ] || fail "get says $OUT"
outcome 1 worker-1 get s nothing
has "$T/err" 'no such key' || fail "$(cat "$T/err")"
patience=1min
fails 'type clash' increment s k
done_at worker-1 push s v one
fails 'type clash' index s v string:x
patience=300ms

say 'it does not answer any more'
kill -STOP "${PID[manager]}"
fails 'timeout, no answer in time: the write may have happened, or may yet' put s k two
outcome 0 worker-1 get s k
[ "$OUT" = one ] || fail "get says $OUT"

say 'and nobody knows how old the copy is'
stop worker-1
start worker-1
await listening worker-1
fails 'stale' get s k
fails 'stale' keys s
kill -CONT "${PID[manager]}"
fresh s worker-1
until_true 10 says worker-1 k two
