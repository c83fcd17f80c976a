#!/usr/bin/env bash
# Every role starts, works, reloads, loses and regains peers, and stops without
# a leak or a memory error: under valgrind, or with the sanitizers built in.
# time limit: 900 s
set -eu
. "$(dirname "$0")/lib.sh"

if [ "${MUSTER_SANITIZED:-0}" != 1 ]; then
	command -v valgrind >/dev/null ||
	    skip 'no valgrind; make check-sanitizers looks for leaks too'
	slow=12
	cat >"$T/musterd" <<END
#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full \\
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite \\
    --child-silent-after-fork=yes $(realpath "$MUSTERD") "\$@"
END
	chmod +x "$T/musterd"
	MUSTERD=$T/musterd
fi

five_nodes 'limits: {ping: 5 s, dead: 60 s, handshake_time: 60 s,
  connect_time: 60 s, goodbye: 10 s}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES

say 'it works'
watch manager events app/ zeek/cluster/
for i in $(seq 300); do
	echo "{\"topic\":\"app/$i\",\"event\":\"App::n\",\"args\":[$i,\"T\",{\"@data-type\":\"set\",\"data\":[]}]}"
done | ctl worker-1 publish --stdin -q
until_true 20 has_lines 300 "$T/events.out" App::n
for node in $NODES; do
	ctl "$node" peers --topics >/dev/null
	ctl "$node" status >/dev/null
done
ctl manager publish --data app/x '{"@data-type":"none","data":{}}' 2>/dev/null

say 'it reloads'
for node in $NODES; do
	ctl "$node" reload >/dev/null
	cp "$LAYOUT" "$T/good"
	echo 'nonsense: 1' >>"$LAYOUT"
	"$MUSTERCTL" -r "$T" -n "$node" reload 2>/dev/null &&
	    fail 'reloaded nonsense'
	cp "$T/good" "$LAYOUT"
done

say 'hostile peers'
tls=(--tls "$T/tls/worker-2.pem" "$T/tls/worker-2.key")
to=(connect 127.0.0.1 "${P[0]}")
"$RAWPEER" "${tls[@]}" "${to[@]}" send 80000000 eof >/dev/null || :
"$RAWPEER" "${tls[@]}" "${to[@]}" handshake nested app/x 50000 \
    envelope 3 '<$>' ff01 frame 00 hello worker-1 eof >/dev/null || :
"$RAWPEER" "${to[@]}" greet eof >/dev/null || :

say 'it loses a peer and regains it'
kill -TERM "${PID[worker-2]}"
finish worker-2 20
[ "$STATUS" -eq 0 ] || fail "worker-2 ended with status $STATUS"
await degraded manager
start worker-2
# shellcheck disable=SC2086
await restored $NODES

say 'it stops'
# shellcheck disable=SC2086
stop $NODES
for node in $NODES; do
	if grep -E '==[0-9]+==|Sanitizer|runtime error' "$T/$node.out"; then
		fail "$node has memory errors"
	fi
done
