#!/usr/bin/env bash
# Following what a logger writes, with filters; files that somebody renames; the
# format changed by a reload; facts as a table and as JSON.
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
logs: {flush: 50 ms, rotate: never, format: $1}
END
}
layout tsv
start manager logger-1 worker-1
await started manager worker-1
DIR=$(logs_dir logger-1)

# tail_to NAME ARGUMENT...: in the background
tail_to() {
	local name=$1
	shift
	"$MUSTERCTL" -f "$LAYOUT" -r "$T" -n logger-1 log tail "$@" \
	    >"$T/$name.out" 2>"$T/$name.err" </dev/null &
	PID[$name]=$!
	until_true 5 has "$T/$name.err" following
}
say 'live, all of them, or some'
tail_to all
tail_to one test --filter n=7 --count 1
tail_to other --json Other::LOG
tail_to text test --filter 'text=record 8 of many' --count 1 --timeout 20s
records "$T/in" 0 10
ctl worker-1 -q log write Test::LOG "$T/in"
ctl worker-1 -q log write Other::LOG --path other "$T/in"
until_true 10 has_lines 10 "$T/all.out" '^test '
until_true 10 has_lines 10 "$T/all.out" '^other '
finish one 10
[ "$STATUS" -eq 0 ] || fail "status $STATUS"
[ "$(cat "$T/one.out")" = \
    'test {"n":7,"ts":1700000007.000007,"text":"record 7 of many"}' ] ||
    fail "$(cat "$T/one.out")"
finish text 10
has "$T/text.out" '"n":8' || fail "$(cat "$T/text.out")"
until_true 10 has_lines 10 "$T/other.out" '"stream":"Other::LOG"'
[ "$(jq -r .log.record.n <"$T/other.out" | sort -n | tail -n 1)" = 9 ] ||
    fail 'that is no JSON'

say 'a node that is no logger says so'
rc=0
ctl worker-1 log tail 2>"$T/err" || rc=$?
[ $rc -ne 0 ] && has "$T/err" 'no logger' || fail "$(cat "$T/err")"

say 'a file that was renamed'
mv "$DIR/test.log" "$DIR/mine"
kill -USR1 "${PID[logger-1]}"
closed() {
	tail -n 1 "$DIR/mine" | grep -q '^#close'
}
until_true 10 closed
records "$T/in" 10 5
ctl worker-1 -q log write Test::LOG "$T/in"
five() {
	[ "$(grep -vc '^#' "$DIR/test.log")" -eq 5 ]
}
until_true 10 five
[ "$(grep -vc '^#' "$DIR/mine")" -eq 10 ] || fail 'the old one has changed'

say 'another format from the next file on'
layout json
ctl logger-1 reload
records "$T/in" 15 5
ctl worker-1 -q log write Test::LOG "$T/in"
json() {
	[ "$(jq -r .n <"$DIR/test.log" | tail -n 1)" = 19 ]
}
until_true 10 json
ls "$DIR"/test.2*.log >/dev/null || fail 'the old file was not rotated'

say 'facts'
ctl logger-1 logs >"$T/facts"
has "$T/facts" 'Test::LOG' || fail "$(cat "$T/facts")"
until_true 10 is logger-1 logs '.logger.streams[] |
    select(.stream == "Test::LOG") | .records == 20 and .error == null'
shows() {
	grep -Eq "$1" "$T/facts" || fail "no '$1': $(cat "$T/facts")"
}
ctl logger-1 logs >"$T/facts"
shows '^logger: writing, files in '
shows '^records: [0-9]+ on disk, 0 rejected, 0 of unknown streams, 0 dropped'
shows '^STREAM +FILE +RECORDS +BYTES +WAITING +REJECTED +DROPPED +LAST'
shows '^Test::LOG +test.log +20 +[0-9.]+ [kKMi]*B +0 +0 +0 '
until_true 10 is worker-1 logs '.sender.streams[] |
    select(.path == "test") | .delivered == 20'
ctl worker-1 logs >"$T/facts"
shows '^spool: [0-9]+ records in [0-9]+ batches, .* of 1.0 GiB'
shows '^LOGGER +STATE +DELIVERED +BATCHES +IN FLIGHT +LAG +REFUSALS'
shows '^logger-1 +up +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ ms +0'
shows '^STREAM +PATH +ACCEPTED +DELIVERED +WAITING +DROPPED'
shows '^Test::LOG +test +20 +20 +0 +0'

say 'a reload, too, begins what was renamed anew'
mv "$DIR/test.log" "$DIR/yours"
ctl logger-1 reload
records "$T/in" 20 5
ctl worker-1 -q log write Test::LOG "$T/in"
until_true 10 has_lines 5 "$DIR/test.log" '"n":2[0-4],'
[ "$(jq -r .n <"$DIR/yours" | tail -n 1)" = 19 ] || fail 'the old one changed'
