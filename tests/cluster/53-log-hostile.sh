#!/usr/bin/env bash
# Broken and hostile log messages of a peer: each is refused, with one warning
# that names the stream and the node; good records around them are written, and
# no path leads out of the folder.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"
command -v python3 >/dev/null || skip 'python3 is not installed'

ports 2
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-9: {role: worker}
logs: {flush: 50 ms, files: 7, rotate: never}
END
start manager logger-1
until_true 10 has "$T/logger-1.out" 'node manager is up'
DIR=$(logs_dir logger-1)

# The messages, in hex, one a line: good ones first.
cat >"$T/make" <<'END'
import struct
def varbyte(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])
def string(s): s = s.encode() if isinstance(s, str) else s; return b'\x05' + varbyte(len(s)) + s
def enum(s): return b'\x0b' + varbyte(len(s)) + s.encode()
def count(n): return b'\x02' + struct.pack('>Q', n)
def real(x): return b'\x04' + struct.pack('>d', x)
def vector(*v): return b'\x0e' + varbyte(len(v)) + b''.join(v)
def message(kind, *v): return vector(count(1), count(kind), vector(*v))
def create(stream, path, fields, writer='Log::WRITER_ASCII', info=None):
    if info is None:
        info = vector(string(path), real(-1), real(0), real(0), b'\x0d\x00', string(''))
    return message(2, enum(stream), enum(writer), info,
        vector(*(vector(string(n), b'\x00', count(t), count(s), b'\x01\x00') for n, t, s in fields)))
def write(stream, path, blob): return message(3, enum(stream), enum('Log::WRITER_ASCII'), string(path), string(blob))
def field(t, payload): return struct.pack('>IIB', t, 0, 1) + payload
def good(n, text): return struct.pack('>I', 2) + field(3, struct.pack('>Q', n)) + field(7, struct.pack('>I', len(text)) + text)
AB = [('n', 3, 0), ('text', 7, 0)]
say = lambda b: print(b.hex())
say(create('Test::LOG', 'test', AB))
say(write('Test::LOG', 'test', good(0, b'first')))
# field counts, types, lengths
say(write('Test::LOG', 'test', struct.pack('>I', 1) + field(3, b'\0' * 8)))
say(write('Test::LOG', 'test', b'\xff\xff\xff\xff'))
say(write('Test::LOG', 'test', struct.pack('>I', 2) + field(2, b'\0' * 8) + field(7, struct.pack('>I', 0))))
say(write('Test::LOG', 'test', struct.pack('>I', 2) + field(3, b'\0' * 8) + field(77, b'')))
say(write('Test::LOG', 'test', struct.pack('>I', 2) + field(3, b'\0' * 8) + field(7, b'\x7f\xff\xff\xff')))
say(write('Test::LOG', 'test', struct.pack('>I', 2) + field(3, b'\0' * 8) + field(14, b'\x7f' + b'\xff' * 7)))
say(write('Test::LOG', 'test', good(1, b'x') + b'trailing'))
say(write('Test::LOG', 'test', b''))
# creates that are none
say(create('Bad::LOG', 'bad', [('n', 99, 0)]))
say(create('Bad::LOG', 'bad', [('n', 3, 0), ('n', 3, 0)]))
say(create('Bad::LOG', 'bad', AB, info=vector(string('bad'))))
say(create('Bad::LOG', 'bad', AB, writer='Log::WRITER_SQLITE'))
say(create('Bad::LOG', 'bad', [('n', 14, 14)]))
# streams of nobody
say(write('None::LOG', 'none', good(1, b'x')))
say(write('None::LOG', 'none', good(1, b'x')))
# batches: a hole in one, one in the other
say(message(5, create('Test::LOG', 'test', AB), write('Test::LOG', 'test', good(1, b'second'))))
say(message(5, b'\x02'))
inner = write('Test::LOG', 'test', good(2, b'third'))
for i in range(30):
    inner = message(5, inner)
say(inner)
# paths
for i, p in enumerate(('../../../etc/cron.d/x', '/dev/null', '.ssh', 'a/b')):
    say(create('Path%d::LOG' % i, p, AB))
    say(write('Path%d::LOG' % i, p, good(9, b'p')))
for i in range(10):
    say(create('Many%d::LOG' % i, 'many%d' % i, AB))
say(write('Test::LOG', 'test', good(2, b'last')))
END
python3 "$T/make" >"$T/hex"
args=(connect 127.0.0.1 "${P[1]}" handshake hello worker-9)
while read -r line; do
	args+=(data zeek/cluster/node/logger-1/ "$line")
done <"$T/hex"
raw evil "${args[@]}" echo sent hold
until_true 20 has "$T/evil.out" sent

say 'good records are written, in order'
until_true 20 all_there 3 test logger-1
[ "$(all_lines test logger-1)" = $'0\tfirst\n1\tsecond\n2\tlast' ] ||
    fail "$(all_lines test logger-1)"

say 'one warning each, with stream and node'
# the last of them; records may be on disk before it is told of others
until_true 10 has "$T/logger-1.out" 'limit logs.files is reached'
expect_lines 1 "$T/logger-1.out" 'record of stream Test::LOG from worker-9 refused'
expect_lines 1 "$T/logger-1.out" 'worker-9 writes to stream None::LOG'
has "$T/logger-1.out" 'stream Bad::LOG of worker-9 is not written' ||
    fail 'another writer is not refused'
[ "$(lines "$T/logger-1.out" 'warning: logs: ')" -le 12 ] ||
    fail "$(grep 'warning: logs: ' "$T/logger-1.out")"
until_true 10 is logger-1 logs '.logger.records >= 7'
is logger-1 logs '.logger.rejected >= 8 and .logger.unknown == 2' ||
    fail "$(field logger-1 logs .logger)"

say 'no path leads out'
[ ! -e "$T/var/log/muster/etc" ] || fail 'it does'
find "$T/var/log" -newer "$LAYOUT" -name '*.log' ! -path "$DIR/*" \
    ! -name cluster.log ! -name broker.log >"$T/outside"
[ ! -s "$T/outside" ] || fail "$(cat "$T/outside")"
for name in _._.._.._etc_cron.d_x _dev_null _ssh a_b; do
	[ -s "$DIR/$name.log" ] || fail "no $name.log: $(ls "$DIR")"
done

say 'a batch with a number, in the name of another'
cat >>"$T/make" <<'END'
def batch(sender, seq): return vector(count(1), count(1), vector(string('Muster::log_batch'), vector(
    string(sender), string('00112233-4455-6677-8899-aabbccddeeff'), count(seq), count(0), count(1),
    message(5, create('Test::LOG', 'test', AB), write('Test::LOG', 'test', good(3, b'numbered'))))))
print('numbered', batch('worker-8', 1).hex(), batch('worker-9', 1).hex())
END
read -r _ forged own < <(python3 "$T/make" | grep '^numbered')
kill -TERM "${PID[evil]}"
finish evil 10
TO=muster/logs/batch/logger-1/
raw liar --filter muster/logs/taken/worker-9/ connect 127.0.0.1 "${P[1]}" \
    handshake hello worker-9 data $TO "$forged" data $TO "$own" \
    expect muster/logs/taken/worker-9/ Muster::log_taken data $TO "$own" \
    expect muster/logs/taken/worker-9/ Muster::log_taken echo answered hold
until_true 20 has "$T/liar.out" answered
expect_lines 1 "$T/logger-1.out" 'batch from worker-9 refused: it names another'
[ "$(all_lines test logger-1 | grep -c numbered)" -eq 1 ] ||
    fail 'it is not there once'
until_true 10 is logger-1 logs '.logger.malformed == 1 and
    .logger.repeated == 1'
[ "$(field logger-1 logs .logger.state)" = writing ] || fail 'it fails'
stop logger-1
