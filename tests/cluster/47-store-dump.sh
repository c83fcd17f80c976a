#!/usr/bin/env bash
# A dump holds everything, also while others write, goes on where it was cut,
# and a restore makes the same of it elsewhere.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.sh"

five_nodes 'stores:
  s: {backend: lmdb}
  copy: {backend: lmdb}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
# shellcheck disable=SC2086
fresh s $NODES
# shellcheck disable=SC2086
fresh copy $NODES

say 'restore'
for i in $(seq 20000); do
	echo "{\"key\":\"k$i\",\"value\":\"count:$i\"}"
done >"$T/pairs"
printf '\n{"key":"10.0.0.0/8","value":{"@data-type":"set","data":[]}}\n' \
    >>"$T/pairs"
printf '{"key":"short","value":"x","expiry":"1s"}' >>"$T/pairs"
begin=$SECONDS
outcome 0 worker-1 restore s <"$T/pairs"
has "$T/err" '20002 pairs restored' || fail "$(cat "$T/err")"
echo "  20002 pairs in $((SECONDS - begin)) s"
until_true 5 missing worker-2 short
is manager stores '.stores[] | select(.name == "s") | .entries == 20001' ||
    fail "$(ctl manager stores)"

say 'dump, while others write'
{
	while [ ! -e "$T/enough" ]; do
		ctl worker-2 store put s k5 count:5 --timeout 5s 2>/dev/null || :
	done
} &
OTHERS+=($!)
ctl worker-1 store dump s >"$T/dump"
: >"$T/enough"
wait "${OTHERS[0]}" || :
OTHERS=()
expect_lines 20001 "$T/dump" '^{"key":{.*},"value":{.*}}$'
has "$T/dump" '{"key":{"@data-type":"string","data":"k777"},"value":{"@data-type":"count","data":777}}' ||
    fail 'k777 is not there'
[ "$(sort -u "$T/dump" | wc -l)" -eq 20001 ] || fail 'some lines are twice'

say 'it goes on where it was cut'
ctl worker-1 store dump s 2>/dev/null | head -n 5000 >"$T/first"
last=$(tail -n 1 "$T/first" | sed 's/^{"key":\(.*\),"value":.*$/\1/')
ctl worker-1 store dump s --after "$last" >"$T/second"
cat "$T/first" "$T/second" | diff - "$T/dump" >/dev/null ||
    fail "after $last it is $(wc -l <"$T/second") lines"
[ "$(ctl worker-1 store dump s --prefix k123 | wc -l)" -eq 111 ] ||
    fail 'prefix'
[ "$(ctl worker-1 store keys s | wc -l)" -eq 20001 ] || fail 'keys'

say 'restored elsewhere it is the same'
ctl worker-2 store restore copy -q <"$T/dump" 2>"$T/err" ||
    fail "$(cat "$T/err")"
[ ! -s "$T/err" ] || fail "-q: $(cat "$T/err")"
ctl worker-1 store dump copy >"$T/copy"
copied() {
	ctl "$1" store dump copy | cmp -s - "$T/dump"
}
until_true 20 copied manager
until_true 20 copied worker-1

say 'mistakes: the line, and where to go on'
printf '{"key":"a","value":"1"}\nrubbish\n{"key":"b","value":"1"}\n' \
    >"$T/pairs"
outcome 64 worker-1 restore s <"$T/pairs"
grep -q 'line 2: not a pair' "$T/err" || fail "$(cat "$T/err")"
grep -q '1 pairs restored; go on with line 2' "$T/err" ||
    fail "$(cat "$T/err")"
missing worker-1 b || fail 'a line behind the mistake was restored'
until_true 5 says worker-2 a 1
outcome 2 worker-1 restore none <"$T/dump"
grep -q 'line 1: .*no store "none"' "$T/err" || fail "$(cat "$T/err")"
outcome 2 worker-1 dump none

say 'the daemon goes away in the middle'
mkfifo "$T/slow"
ctl worker-1 store dump s >"$T/slow" 2>"$T/err" &
OTHERS+=($!)
exec {slowly}<"$T/slow"
read -r line <&"$slowly"
kill9 worker-1
cat <&"$slowly" >"$T/rest"
exec {slowly}<&-
rc=0
wait "${OTHERS[0]}" || rc=$?
OTHERS=()
if [ $rc -ne 0 ]; then
	[ $rc -eq 2 ] && grep -q 'go on with --after' "$T/err" ||
	    fail "$rc: $(cat "$T/err")"
fi
