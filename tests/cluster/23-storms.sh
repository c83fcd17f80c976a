#!/usr/bin/env bash
# A crowd at the door: two thousand connections at once, half-open handshakes
# that trickle, resets in every state.  It is turned away with few words, and
# the peers inside do not notice.
set -eu
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip 'python3 is not installed'

five_nodes 'limits: {handshake_time: 2 s}'
certificates
# shellcheck disable=SC2086
start $NODES
# shellcheck disable=SC2086
await started $NODES
before=$(rss manager)

# crowd WHAT: strangers at the manager's port
crowd() {
	python3 - "${P[0]}" "$1" <<'END'
import os, select, socket, ssl, struct, sys, time
where, what = ('127.0.0.1', int(sys.argv[1])), sys.argv[2]

def hello():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    o = ssl.MemoryBIO()
    try:
        c.wrap_bio(ssl.MemoryBIO(), o).do_handshake()
    except ssl.SSLWantReadError:
        return o.read()

def many(n):
    for i in range(n):
        s = socket.socket()
        s.settimeout(5)
        try:
            s.connect(where)
            yield s
        except OSError:
            s.close()

if what == 'storm':
    # By several processes: each may be limited to 1024 descriptors.
    there, tell = os.pipe()
    over, end = os.pipe()
    for i in range(4):
        if os.fork() == 0:
            os.close(end)
            all = list(many(500))
            os.write(tell, b'.')
            os.read(over, 1)
            os._exit(0)
    os.close(tell)
    n = 0
    while n < 4:
        heard = os.read(there, 4)
        if not heard:
            sys.exit('a part of the crowd is lost')
        n += len(heard)
    os.close(end)
    while n > 0:
        os.wait()
        n -= 1
elif what == 'trickle':
    text, left, at = hello(), list(many(300)), 0
    end = time.monotonic() + 60
    while left and time.monotonic() < end:
        for s in list(left):
            try:
                if select.select([s], [], [], 0)[0] and not s.recv(9):
                    raise OSError
                s.send(text[at:at + 1])
            except OSError:
                s.close()
                left.remove(s)
        at += 1
        select.select([], [], [], 0.05)
    sys.exit(len(left) > 0)
elif what == 'reset':
    parts = [b'', hello()[:7], hello(), b'\0' * 50]
    for i, s in enumerate(many(400)):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))
        try:
            s.sendall(parts[i % 4])
        except OSError:
            pass
        s.close()
END
}

descriptors() {
	find "/proc/${PID[manager]}/fd" -mindepth 1 2>/dev/null | wc -l
}
files=$(descriptors)
left() {
	[ "$(descriptors)" -le $((files + 2)) ]
}

say 'two thousand at once'
crowd storm
until_true 10 left
[ "$(lines "$T/manager.out" 'connection from .* refused')" -le 3 ] ||
    fail 'too many words about those who were refused'
until_true 15 grep -q 'more connections refused within' "$T/manager.out"

say 'handshakes that trickle'
crowd trickle || fail 'some were still there'
until_true 10 left

say 'resets'
crowd reset
until_true 10 left

say 'nobody inside noticed'
for node in $NODES; do
	expect_lines 0 "$T/$node.out" 'node .* is down'
	is "$node" status '.state == "started"' || fail "$node is not started"
done
after=$(rss manager)
say "resident memory: $before kB before, $after kB after"
if [ "${MUSTER_SANITIZED:-0}" != 1 ]; then
	[ $((after - before)) -lt 20000 ] || fail 'memory grew'
fi

say 'room for whoever belongs here'
stop worker-1
start worker-1
await connected worker-1
