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
{
	echo '{"key":"short","value":"x","expiry":"1s"}'
	for i in $(seq 20000); do
		echo "{\"key\":\"k$i\",\"value\":\"count:$i\"}"
	done
	printf '\n{"key":"10.0.0.0/8","value":{"@data-type":"set","data":[]}}'
} >"$T/pairs"
begin=$SECONDS
outcome 0 worker-1 restore s <"$T/pairs"
has "$T/err" '20002 pairs restored' || fail "$(cat "$T/err")"
echo "  20002 pairs in $((SECONDS - begin)) s"
# whole NODE: it has the last pair, and no longer the first
whole() {
	says "$1" 10.0.0.0/8 '{}' && missing "$1" short
}
for node in manager worker-1 worker-2; do
	until_true 10 whole "$node"
done
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
cat "$T/first" "$T/second" | cmp -s - "$T/dump" ||
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

say 'expiry times go with it, from the node of the master'
done_at worker-1 put s hour x --expiry 1h
ctl manager store dump s --prefix hour >"$T/expiring" 2>"$T/err"
[ ! -s "$T/err" ] || fail "$(cat "$T/err")"
left=$(jq -r '.expiry | sub(" ms$"; "") | tonumber' "$T/expiring")
[ "$left" -gt 3000000 ] && [ "$left" -le 3600000 ] ||
    fail "an hour is $(cat "$T/expiring")"
ctl worker-1 store dump s --prefix hour 2>"$T/err" | has /dev/stdin expiry &&
    fail 'a clone makes an expiry up'
grep -q 'only the master knows them, on manager' "$T/err" ||
    fail "$(cat "$T/err")"
sed 's/"expiry":"[0-9]* ms"/"expiry":"700 ms"/' "$T/expiring" |
    ctl worker-2 store restore copy -q
until_true 5 missing manager hour copy
ctl worker-2 store restore copy -q <"$T/expiring"
ctl manager store dump copy --prefix hour | has /dev/stdin '"expiry":"' ||
    fail 'the restored pair does not expire'

say 'the daemon is restarted in the middle of a dump'
mkfifo "$T/slow"
ctl worker-1 store dump s --timeout 5min >"$T/slow" 2>"$T/err" &
OTHERS+=($!)
exec {slowly}<"$T/slow"
read -r line <&"$slowly"
echo "$line" >"$T/rest"
kill9 worker-1
start worker-1
fresh s worker-1
cat <&"$slowly" >>"$T/rest"
exec {slowly}<&-
wait "${OTHERS[0]}" || fail "the dump: $(cat "$T/err")"
OTHERS=()
ctl manager store dump s -q | sed 's/,"expiry":"[0-9]* ms"//' >"$T/dump"
cmp "$T/rest" "$T/dump" || fail "$(cat "$T/err")"
grep -q 'connection lost; going on after [0-9]* pairs' "$T/err" ||
    fail "it does not say that it went on: $(cat "$T/err")"

say 'and of a restore'
mkfifo "$T/feed"
for i in $(seq 3000); do
	echo "{\"key\":\"again$i\",\"value\":\"count:$i\"}"
done >"$T/pairs"
{
	head -n 1500 "$T/pairs"
	until [ -e "$T/go on" ]; do
		pause
	done
	tail -n +1501 "$T/pairs"
} >"$T/feed" &
OTHERS+=($!)
ctl worker-1 store restore copy --timeout 5min <"$T/feed" 2>"$T/err" &
OTHERS+=($!)
until_true 20 says worker-2 again900 900 copy
kill9 worker-1
: >"$T/go on"
start worker-1
finished() {
	gone "${OTHERS[1]}"
}
until_true 60 finished
wait "${OTHERS[1]}" || fail "the restore: $(cat "$T/err")"
OTHERS=()
grep -q '^3000 pairs restored\|: 3000 pairs restored' "$T/err" ||
    fail "$(cat "$T/err")"
[ "$(ctl manager store dump copy --prefix again | wc -l)" -eq 3000 ] ||
    fail 'pairs are missing'
until_true 10 says worker-2 again3000 3000 copy

say 'it does not come back'
fresh s worker-1
ctl worker-1 store dump s --timeout 5s >"$T/slow" 2>"$T/err" &
OTHERS+=($!)
exec {slowly}<"$T/slow"
read -r line <&"$slowly"
kill9 worker-1
cat <&"$slowly" >"$T/rest" &
OTHERS+=($!)
exec {slowly}<&-
finished() {
	gone "${OTHERS[0]}"
}
until_true 20 finished
rc=0
wait "${OTHERS[0]}" || rc=$?
OTHERS=()
[ $rc -eq 2 ] && grep -q 'go on with --after' "$T/err" ||
    fail "$rc: $(cat "$T/err")"
