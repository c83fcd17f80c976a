#!/usr/bin/env bash
# Rotated files on a disk that fails, of a logger that is killed while it
# compresses, and under a clock that is wrong: each record stays once.
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
logs: {flush: 50 ms, $1}
END
}
DIR=$(logs_dir logger-1)
n=0
# write N: so many further records are in test.log
write() {
	records "$T/in" "$n" "$1"
	n=$((n + $1))
	ctl worker-1 -q log write Test::LOG "$T/in"
	until_true 20 is worker-1 logs '.sender.spool.waiting == 0'
}

say 'a compressor that fails: the file stays, and says so'
export SLOWDISK_PATH=/.tmp.test SLOWDISK_FAIL=$T/fail
echo s >"$T/fail"
layout 'rotate: 1 s, compress: gzip'
start manager worker-1
start_slow logger-1
await started manager worker-1
write 100
until_true 20 is logger-1 logs '.logger.post_plain > 0'
until_true 10 has "$T/logger-1.out" 'cannot be compressed: Input/output error'
ctl logger-1 logs | grep -Eq '^[0-9]+ rotated files wait to be compressed again: test\..*log: Input' ||
    fail "$(ctl logger-1 logs)"
once $n test logger-1
ls "$DIR"/test.*.log >/dev/null || fail 'it is not there'
never 0.1 ls "$DIR"/test.*.gz

say 'it works again: the file is compressed, with nobody'\''s help'
rm "$T/fail"
until_true 30 is logger-1 logs '.logger.post_plain == 0 and .logger.post_error == null'
until_true 10 ls "$DIR"/test.*.log.gz
never 0.1 ls "$DIR"/test.*.log
once $n test logger-1

say 'what is plain when it is killed is compressed by the next'
echo s >"$T/fail"
write 100
until_true 20 is logger-1 logs '.logger.post_plain > 0'
kill9 logger-1
unset SLOWDISK_FAIL
SLOWDISK_MS=600000 start_slow logger-1
half() {
	ls "$DIR"/.tmp.test.*.log.gz
}
until_true 20 half
kill9 logger-1

say 'so is what it was killed in the midst of: no half file stays'
half >/dev/null || fail 'it was too fast'
start logger-1
await restored manager
# none_plain: nothing but archives is left, and what is being written
none_plain() {
	! half && ! ls "$DIR"/test.*.log
}
until_true 20 none_plain
once $n test logger-1

say 'a clock that leaps ahead removes nothing'
stop logger-1
layout 'rotate: 1 s, keep: 1 day'
export LEAPCLOCK=$T/leap
LD_PRELOAD=$(realpath "$B/tests/leapclock.so") \
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 start logger-1
await restored manager
write 100
until_true 20 is logger-1 logs '.logger.post_done > 0'
echo 31536000 >"$T/leap"
write 100 # a rotation, and a look at what is too old
until_true 30 has "$T/logger-1.out" 'the clock went 3153'
write 100
until_true 20 is logger-1 logs '.logger.waiting_records == 0'
never 2 is logger-1 logs '.logger.removed > 0'
once $n test logger-1

say 'nor does one that is wrong from the start'
kill9 logger-1
touch -d '2 days ago' "$DIR"/*
rm "$T/leap"
start logger-1
until_true 20 has "$T/logger-1.out" 'ahead of the newest rotated file'
await restored manager
write 100
once $n test logger-1
