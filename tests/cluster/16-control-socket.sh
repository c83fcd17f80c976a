#!/usr/bin/env bash
# The control socket is for its owner and group, answers every request with
# one line, and survives clients that talk nonsense, too much, or never read.
set -eu
. "$(dirname "$0")/lib.sh"

ports 1
cat >"$LAYOUT" <<END
cluster: one
tls: none
limits: {control_clients: 20, client_queue: 256 KiB}
nodes:
  manager: {role: manager, host: 127.0.0.1, port: ${P[0]}}
END
start manager
await started manager
socket=$T/run/muster/manager.sock

# talk: standard input to the socket, the answers to standard output
talk() {
	socat -t 60 - "UNIX-CONNECT:$socket"
}

say 'it is for its owner and group'
[ "$(stat -c '%a %F' "$socket")" = '660 socket' ] ||
    fail "mode $(stat -c '%a %F' "$socket")"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$T"
	echo '{"op":"version"}' | setpriv --reuid 65534 --clear-groups \
	    --regid 65534 socat - "UNIX-CONNECT:$socket" >"$T/foreign" 2>&1 &&
	    has "$T/foreign" '"ok":true' && fail 'a stranger was answered'
fi

say 'one line each'
printf '%s\n' '{"op":"version"}' '{"op":"no such"}' '' '{"op":"status"}' |
    talk >"$T/answers"
[ "$(wc -l <"$T/answers")" -eq 3 ] || fail "$(wc -l <"$T/answers") answers"
jq -es '[.[].ok] == [true, false, true]' "$T/answers" >/dev/null ||
    fail 'wrong answers'

say 'not JSON: told so, and closed'
printf 'hello\n{"op":"version"}\n' | talk >"$T/answers"
[ "$(wc -l <"$T/answers")" -eq 1 ] || fail 'not closed'
jq -e '.code == "json"' "$T/answers" >/dev/null || fail 'not told'

say 'a line of 9 MiB: told so, and closed'
before=$(rss manager)
{ printf '{"op":"'; head -c 9437184 /dev/zero | tr '\0' x; echo '"}'; } |
    talk >"$T/answers" 2>/dev/null || :
jq -e '.code == "limit"' "$T/answers" >/dev/null || fail 'not told'
say 'a line of 7 MiB is taken'
{ printf '{"op":"publish","topic":"t","event":"E","args":[{"@data-type":"string","data":"'
  head -c 7340032 /dev/zero | tr '\0' x; echo '"}]}'; } | talk >"$T/answers"
jq -e '.ok' "$T/answers" >/dev/null || fail "$(cat "$T/answers")"
if [ "${MUSTER_SANITIZED:-0}" != 1 ]; then
	say "resident memory $before kB before, $(rss manager) kB after"
	[ $(($(rss manager) - before)) -lt 40000 ] || fail 'memory grew'
fi

# crowd N AS...: N clients that say nothing, started by the command AS
crowd() {
	local i
	for i in $(seq "$1"); do
		"${@:2}" socat -u "UNIX-CONNECT:$socket" STDOUT \
		    >"$T/client.$i" 2>&1 </dev/null &
		OTHERS+=($!)
	done
}
turned_away() { # those beyond the limit were told and are gone
	[ "$(cat "$T"/client.* | grep -c 'too many')" -eq "$1" ]
}
disperse() {
	local p
	for p in "${OTHERS[@]}"; do
		kill "$p" 2>/dev/null || : # some are gone
	done
	wait "${OTHERS[@]}" 2>/dev/null || :
	OTHERS=()
	rm -f "$T"/client.*
	until_true 10 is manager status '.clients == 1'
}

say 'clients beyond the limit are refused, the others stay'
kept=2 # for the node's user; and for root
[ "$(id -u)" -ne 0 ] || kept=4
crowd 30 env
until_true 10 turned_away $((10 - kept))
rc=0
ctl manager version 2>"$T/err" || rc=$?
[ $rc -eq 2 ] && grep -q 'too many' "$T/err" || fail "status $rc, not refused"
disperse

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	say 'others of its group, silent in all places, keep root out of none'
	crowd 30 setpriv --reuid 65534 --clear-groups --regid 0
	until_true 10 turned_away 10
	ctl manager version >/dev/null || fail 'root is locked out'
	disperse
fi

say 'a watcher that does not read loses events, the node loses nothing'
mkfifo "$T/fifo"
{ echo '{"op":"watch","topics":["t/"]}'; cat "$T/fifo"; } |
    socat -t 30 -b 1024 - "UNIX-CONNECT:$socket,rcvbuf=4096" >"$T/watched" &
slow_one=$!
OTHERS+=("$slow_one")
exec {HOLD}>"$T/fifo"
until_true 5 has "$T/watched" '"ok":true'
mapfile -t readers < <(pgrep -P $$ socat)
kill -STOP "${readers[@]}"
text=$(printf 'x%.0s' $(seq 1000))
for i in $(seq 3000); do
	echo "{\"topic\":\"t/$i\",\"event\":\"E\",\"args\":[\"$text\"]}"
done | ctl manager publish --stdin --json >"$T/count"
jq -e '.published == 3000' "$T/count" >/dev/null || fail "$(cat "$T/count")"
until_true 5 is manager status '.dropped.watch_events > 500'
kill -CONT "${readers[@]}"
until_true 10 grep -q '^{"dropped":[0-9]*}$' "$T/watched"
exec {HOLD}>&-
seen=$(grep -c '^{"event"' "$T/watched")
missed=$(sed -n 's/^{"dropped":\([0-9]*\)}$/\1/p' "$T/watched" |
    awk '{ n += $1 } END { print n }')
[ $((seen + missed)) -eq 3000 ] || fail "$seen seen, $missed missed"
say "$seen seen, $missed confessed"
ctl manager -q status
