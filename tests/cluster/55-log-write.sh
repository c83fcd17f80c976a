#!/usr/bin/env bash
# musterctl log write ships Zeek's files to the loggers, TSV and JSON lines, and
# says exactly what was accepted: records in the logger's file are the file's.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes 'logs: {spool: 1 MiB, batch_interval: 100 ms, rotate: never}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

# outcome STATUS COMMAND...: it ends so; its words are in $T/err
outcome() {
	local want=$1 got=0
	shift
	"$@" >"$T/said" 2>"$T/err" || got=$?
	[ "$got" -eq "$want" ] || fail "status $got, not $want: $* ($(cat "$T/err"))"
}

# the_file PATH: where the logger writes it
the_file() {
	echo "$T/var/log/muster/logger-1/logs/$1.log"
}

# arrived PATH FILE: the records of the logger's file are those of FILE
arrived() {
	cmp -s <(grep -v '^#' "$(the_file "$1")") <(grep -v '^#' "$2")
}

data=tests/data/zeek-logs/options
zcat $data/default/conn.log.gz >"$T/conn.log"
zcat $data/default/nasty.log.gz >"$T/nasty.log"
zcat $data/json-default/http.log.gz >"$T/http.json"
zcat $data/default/http.log.gz >"$T/http.log"
n=$(grep -vc '^#' "$T/conn.log")

say 'a file of Zeek'"'"'s is written again the same'
outcome 0 ctl worker-1 log write Conn::LOG "$T/conn.log"
has "$T/err" "$n records accepted" || fail "$(cat "$T/err")"
until_true 20 arrived conn "$T/conn.log"

say 'from standard input, by its path, with every sort of awkward value'
outcome 0 ctl worker-2 --json log write Nasty::LOG - <"$T/nasty.log"
[ "$(jq .accepted <"$T/said")" -eq "$(grep -vc '^#' "$T/nasty.log")" ] ||
    fail "$(cat "$T/said")"
until_true 20 has_lines 134 "$(the_file nasty)" '^[0-9]'
cmp <(grep '^[0-9]' "$T/nasty.log") <(grep '^[0-9]' "$(the_file nasty)")

say 'a compressed file is not read as text'
outcome 66 ctl worker-1 log write Conn::LOG $data/default/conn.log.gz
has "$T/err" 'it is compressed; try: zcat FILE |' || fail "$(cat "$T/err")"

say 'a mark before the text, and a number that is too large for any type'
printf '\xef\xbb\xbf{"a":1.5}\n{"a":1e400}\n{"a":-2e-3}\n' >"$T/mark.json"
outcome 1 ctl worker-1 log write Mark::LOG "$T/mark.json"
has "$T/err" 'mark.json:2: field a:' || fail "$(cat "$T/err")"
until_true 20 has_lines 2 "$(the_file mark)" '^(1.5|-0.002)$'
(printf '\xef\xbb\xbf' && cat "$T/conn.log") >"$T/marked.log"
outcome 0 ctl worker-1 log write Marked::LOG "$T/marked.log"
until_true 20 arrived marked "$T/conn.log"

say 'JSON lines, with the types told and inferred'
types=$(paste -d: <(sed -n 's/^#fields\t//p' "$T/http.log" | tr '\t' '\n') \
    <(sed -n 's/^#types\t//p' "$T/http.log" | tr '\t' '\n') | paste -sd,)
outcome 0 ctl worker-1 log write http "$T/http.json" --types "$types"
until_true 20 arrived http "$T/http.log"
outcome 0 ctl worker-1 log write Guess::LOG "$T/http.json"
until_true 20 has_lines "$(wc -l <"$T/http.json")" "$(the_file guess)" '^[0-9]'
has "$(the_file guess)" $'#types\ttime\tstring\taddr\tport' ||
    fail "$(grep '^#types' "$(the_file guess)")"

say 'what is wrong has its line'
printf '%s\n' '{"ts":1.5,"n":1}' '{"ts":2.5,"n":"x"}' '{"ts":3.5,"n":3}' \
    >"$T/wrong.json"
outcome 1 ctl worker-1 log write Wrong::LOG "$T/wrong.json" \
    --types ts:time,n:count
has "$T/err" "$T/wrong.json:2: field n: a string is no count" ||
    fail "$(cat "$T/err")"
has "$T/err" '2 records accepted' || fail "$(cat "$T/err")"
until_true 20 has_lines 2 "$(the_file wrong)" '^[13]'
outcome 64 ctl worker-1 log write Wrong::LOG "$T/wrong.json" --types n:number
outcome 64 ctl worker-1 log write Wrong::LOG "$T/wrong.json" --format xml
outcome 66 ctl worker-1 log write Wrong::LOG "$T/nothing"

say 'what a pipe brings is sent when it rests'
mkfifo "$T/pipe"
ctl worker-1 -q log write Pipe::LOG --types n:count --format tsv \
    <"$T/pipe" 2>"$T/pipe.err" &
OTHERS+=($!)
exec {pipe}>"$T/pipe"
printf '1\n2\n' >&"$pipe"
until_true 20 has_lines 2 "$(the_file pipe)" '^[0-9]'
printf '3\n' >&"$pipe"
patiently 20 has_lines 3 "$(the_file pipe)" '^[0-9]' || {
	# who has it?
	ctl worker-1 --json status | jq -c .logs || :
	fail "the third is missing: $(cat "$T/pipe.err" "$(the_file pipe)")"
}
exec {pipe}>&-
wait "${OTHERS[-1]}" || fail "log write on a pipe: status $?"

say 'progress on a terminal, and only there'
# on_terminal FILE ARGUMENT...: what somebody at a terminal sees goes to FILE
on_terminal() {
	local file=$1
	shift
	script -qec "'$MUSTERCTL' -f '$LAYOUT' -r '$T' -n worker-1 log write $*" \
	    "$file" </dev/null >/dev/null || fail "$(cat "$file")"
}
# long_arrived N: so many, and the spool has room for as many again
long_arrived() {
	has_lines "$1" "$(the_file long)" '^[0-9]' &&
	    is worker-1 logs '.sender.spool.waiting == 0'
}
seq 1 20000 >"$T/long"
on_terminal "$T/seen" Long::LOG "$T/long" --types n:count
tr '\r' '\n' <"$T/seen" >"$T/steps"
grep -Eo '^[0-9]+ records accepted, [0-9]+ %' "$T/steps" >"$T/progress" ||
    fail "no progress: $(cat -v "$T/seen")"
awk '$1 < n || $1 > 20000 || $4 < p || $4 > 100 { exit 1 } { n = $1; p = $4 }' \
    "$T/progress" || fail "$(cat "$T/progress")"
# It is wiped away, and the outcome stays.
grep -q $'^\e\[K20000 records accepted$' "$T/steps" || fail "$(cat -v "$T/seen")"
until_true 20 long_arrived 20000
on_terminal "$T/seen" Long::LOG "$T/long" --types n:count -q
! grep -q accepted "$T/seen" || fail "quiet: $(cat -v "$T/seen")"
until_true 20 long_arrived 40000
outcome 0 ctl worker-1 log write Long::LOG "$T/long" --types n:count
[ "$(cat "$T/err")" = '20000 records accepted' ] || fail "$(cat -v "$T/err")"
until_true 20 long_arrived 60000

say 'without a logger the spool takes them, to its limit, and says where'
stop logger-1
seq 1 100000 | sed 's/$/	some text that makes the record longer/' >"$T/many"
outcome 2 ctl worker-1 log write Many::LOG "$T/many" --types n:count,s:string \
    --timeout 1s
has "$T/err" 'the spool has reached its limit' || fail "$(cat "$T/err")"
after=$(sed -n 's/.*go on with --after \([0-9]*\)$/\1/p' "$T/err")
[ "${after:-0}" -gt 0 ] || fail "$(cat "$T/err")"
start logger-1
await started logger-1
# the spool empties while more is written
outcome 0 ctl worker-1 log write Many::LOG "$T/many" --after "$after" \
    --types n:count,s:string --timeout 2min
until_true 40 has_lines 100000 "$(the_file many)" '^[0-9]'
cmp <(cut -f1 "$T/many") <(grep '^[0-9]' "$(the_file many)" | cut -f1 | sort -n)
