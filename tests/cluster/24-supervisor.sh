#!/usr/bin/env bash
# musterd -a: whatever is killed is back, what it leaves behind ends, and it
# starts as well without descriptors, hung up on, or after its own kill -9.
set -eu
. "$(dirname "$0")/lib.sh"

five_nodes
certificates

# all NAME: musterd -a in the foreground, its lines in $T/NAME.out
all() {
	"$MUSTERD" -a -d -f "$LAYOUT" -r "$T" >>"$T/$1.out" 2>&1 </dev/null &
	PID[all]=$!
}

# pid_of NODE: as its lock says
pid_of() {
	cat "$T/var/lib/muster/$1/lock"
}

say 'hang-ups during the start are reloads'
all hup
until_true 5 test -s "$T/hup.out"
for _ in $(seq 50); do
	kill -HUP "${PID[all]}" 2>/dev/null || fail 'it is gone'
	patiently 0.01 false || :
done
# shellcheck disable=SC2086
await started $NODES
expect_lines 0 "$T/hup.out" 'signal'

say 'killed, and started again at once: what the first left behind ends'
for round in 1 2 3; do
	old=()
	for node in $NODES; do
		old+=("$(pid_of "$node")")
	done
	kill9 all
	all "round$round"
	# One that is about to end may still answer, and is in its lock.
	for pid in "${old[@]}"; do
		until_true 10 gone "$pid"
	done
	# shellcheck disable=SC2086
	await started $NODES
	expect_lines 0 "$T/round$round.out" 'not started again'
done

say 'all its nodes killed at once'
until_true 10 has "$T/round3.out" 'all 5 nodes are up'
for node in $NODES; do
	kill -KILL "$(pid_of "$node")"
done
until_true 10 has_lines 5 "$T/round3.out" 'ended by signal 9'
until_true 20 has_lines 2 "$T/round3.out" 'all 5 nodes are up'
# shellcheck disable=SC2086
await started $NODES

say 'nobody stays behind as a zombie'
zombies() {
	ps -o stat= --ppid "${PID[all]}" | grep -c '^Z' || :
}
[ "$(zombies)" -eq 0 ] || fail 'there are zombies'

say 'a stopped node is waited for, then killed'
# Patience is 15 seconds; a second word makes it short.
kill -STOP "$(pid_of worker-1)"
kill -TERM "${PID[all]}"
until_true 5 has "$T/round3.out" 'stopping all nodes'
kill -TERM "${PID[all]}"
finish all 10

say 'the service manager hears of reloads, and READY when all are up'
# told N WORD: the service manager was told so N times
told() {
	[ "$(grep -ao "$2" "$T/told" | wc -l)" -eq "$1" ]
}
socat -u "UNIX-RECV:$T/notify" STDOUT >"$T/told" &
OTHERS+=($!)
until_true 5 test -S "$T/notify"
# the manager has to wait for its port
socat "TCP-LISTEN:${P[0]},reuseaddr,fork" /dev/null &
OTHERS+=($!)
squatter=$!
until_true 5 socat -u /dev/null "TCP:127.0.0.1:${P[0]}"
export NOTIFY_SOCKET="$T/notify"
all reload
unset NOTIFY_SOCKET
until_true 20 told 1 '4 of 5 nodes up'
kill -HUP "${PID[all]}"
until_true 5 has_lines 4 "$T/reload.out" 'reloaded '
told 0 'READY=1' || fail 'ready without the manager'
kill "$squatter"
until_true 20 told 1 'READY=1'
# shellcheck disable=SC2086
await started $NODES
kill -HUP "${PID[all]}"
until_true 5 told 1 'RELOADING=1'
until_true 5 told 2 'READY=1'

say 'a layout that has none of our nodes any more is refused'
cp "$LAYOUT" "$T/good"
sed -i 's/127\.0\.0\.1/192.0.2.1/' "$LAYOUT"
kill -HUP "${PID[all]}"
until_true 5 has "$T/reload.out" 'the running configuration stays'
until_true 5 told 2 'RELOADING=1'
until_true 5 told 3 'READY=1'
rm "$LAYOUT"
mkfifo "$LAYOUT"
kill -HUP "${PID[all]}"
until_true 5 has "$T/reload.out" 'is a fifo'
rm "$LAYOUT"
cp "$T/good" "$LAYOUT"
is manager status '.state == "started"' || fail 'something was stopped'
kill -TERM "${PID[all]}"
finish all 20
[ "$STATUS" -eq 0 ] || fail "status $STATUS"

say 'without standard descriptors nothing else takes their place'
"$MUSTERD" -d -f "$LAYOUT" -r "$T" logger-1 0<&- 1>&- 2>&- &
PID[logger-1]=$!
await listening logger-1
# Others than root do not see the descriptors of a process that holds secrets.
for fd in 0 1 2; do
	[ "$(id -u)" -eq 0 ] || break
	[ "$(readlink "/proc/${PID[logger-1]}/fd/$fd")" = /dev/null ] ||
	    fail "descriptor $fd is $(readlink "/proc/${PID[logger-1]}/fd/$fd")"
done
[ "$(wc -l <"$T/var/lib/muster/logger-1/lock")" -eq 1 ] ||
    fail 'messages in the lock'
stop logger-1
