#!/usr/bin/env bash
# What cannot work is said clearly, with its exit status, and loses nothing: a
# second daemon, a busy port, unreadable keys, wrong layouts, full disks.
set -eu
. "$(dirname "$0")/lib.sh"

# refuses STATUS TEXT ARGUMENT...: musterd ends at once with both
refuses() {
	local rc=0 status=$1 text=$2
	shift 2
	timeout $((20 * slow)) "$MUSTERD" -r "$T" "$@" >"$T/refused" 2>&1 \
	    </dev/null || rc=$?
	[ $rc -eq "$status" ] ||
	    fail "status $rc, not $status: $(cat "$T/refused")"
	grep -qE -- "$text" "$T/refused" ||
	    fail "no '$text' in: $(cat "$T/refused")"
}

five_nodes
certificates

say 'a second daemon of the same name: 75'
start logger-1
await listening logger-1
refuses 75 "logger-1.*${PID[logger-1]}" -d -f "$LAYOUT" logger-1
ctl logger-1 -q status || [ $? -eq 1 ] || fail 'the first one does not answer'

say 'a layout without this node, or without anything: 78'
refuses 78 'proxy-9.*did you mean "?proxy-1' -d -f "$LAYOUT" proxy-9
refuses 78 'worker-3' -d -f "$LAYOUT" worker-3
refuses 78 'none.yaml' -d -f "$T/none.yaml" manager
printf 'cluster: x\nnodes:\n  a: {role: wroker, host: h, prt: 70000}\n' \
    >"$T/bad.yaml"
refuses 78 'bad.yaml:3:13: .*did you mean "?worker' -n -f "$T/bad.yaml"
has "$T/refused" 'bad.yaml:3:30' || fail 'not all mistakes are told'
refuses 0 '' -n -f "$LAYOUT"

say 'a wrong command line: 64'
refuses 64 '.' -Z
refuses 64 '.' -d -f "$LAYOUT" manager worker-1

say 'an unreadable key, certificate or CA: 66'
mv "$T/tls/manager.key" "$T/tls/manager.away"
refuses 66 'manager\.key' -d -f "$LAYOUT" manager
echo rubbish >"$T/tls/manager.key"
chmod 600 "$T/tls/manager.key"
refuses 66 'manager\.key' -d -f "$LAYOUT" manager
cp "$T/tls/proxy-1.key" "$T/tls/manager.key"
refuses 66 'manager\.(key|pem)' -d -f "$LAYOUT" manager
mv "$T/tls/manager.away" "$T/tls/manager.key"
cp -r "$T/tls" "$T/kept"
cp "$T/tls/proxy-1.key" "$T/tls/manager.key"
cp "$T/tls/proxy-1.pem" "$T/tls/manager.pem"
refuses 66 'manager.pem is for "proxy-1", not for node "manager"' \
    -d -f "$LAYOUT" manager
cp "$T/kept/manager.pem" "$T/kept/manager.key" "$T/tls"

say 'a busy port is retried, and said so'
raw squatter --deadline 60 listen 127.0.0.1 "${P[0]}" stall
until_true 5 has "$T/squatter.out" listening
start manager
until_true 10 grep -qE "${P[0]}.*(in use|busy)" "$T/manager.out"
rc=0
ctl manager wait --for listening --timeout 300ms 2>/dev/null || rc=$?
[ $rc -eq 2 ] || fail 'it says that it listens'
kill9 squatter
await listening manager
start worker-1 worker-2 proxy-1
# shellcheck disable=SC2086
await started $NODES
[ "$(lines "$T/manager.out" 'in use|busy')" -le 2 ] || fail 'said too often'
# shellcheck disable=SC2086
stop $NODES

say 'folders that cannot be made: 73'
mkdir "$T/root"
: >"$T/root/var"
refuses 73 'var' -r "$T/root" -d -f "$LAYOUT" manager

say 'a control socket in use by something else: 73'
mkdir -p "$T/run/muster"
: >"$T/run/muster/manager.sock"
refuses 73 'manager\.sock' -d -f "$LAYOUT" manager
rm "$T/run/muster/manager.sock"

say 'a full disk'
if ! mount -t tmpfs -o size=64k muster-test "$T/var" 2>/dev/null; then
	skip 'the rest: cannot mount a small file system here'
fi
AT_END="umount -l $T/var"
mkdir -p "$T/var/lib/muster/manager" "$T/var/log/muster/manager"
cat /dev/zero >"$T/var/fill" 2>/dev/null || :
rc=0
"$MUSTERD" -d -f "$LAYOUT" -r "$T" manager >"$T/full.out" 2>&1 </dev/null &
PID[full]=$!
settled() {
	gone "${PID[full]}" || ctl manager -q status || [ $? -eq 1 ]
}
until_true 10 settled
if gone "${PID[full]}"; then
	finish full 1
	[ "$STATUS" -eq 73 ] || fail "ended with $STATUS"
else
	say 'it runs all the same'
fi
grep -qiE 'no space' "$T/full.out" || fail 'it does not say why'
