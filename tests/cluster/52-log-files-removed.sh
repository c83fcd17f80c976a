#!/usr/bin/env bash
# Somebody removes or truncates the files of a logger that writes them: what is
# acknowledged after that is in files that are there, and it is said once.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/logs.sh"

ports 2
cat >"$LAYOUT" <<END
cluster: logs
tls: none
nodes:
  manager:  {role: manager, port: ${P[0]}}
  logger-1: {role: logger, port: ${P[1]}}
  worker-1: {role: worker}
logs: {rotate: never, flush: 50 ms, batch_interval: 100 ms}
END
start manager logger-1 worker-1
await started manager worker-1
DIR=$(logs_dir logger-1)
n=0
# write: ten further records are acknowledged
write() {
	records "$T/in" "$n" 10
	n=$((n + 10))
	ctl worker-1 -q log write Test::LOG "$T/in"
	until_true 20 is worker-1 logs '.sender.spool.waiting == 0 and
	    .sender.spool.collected == 0'
}
# last_ten: exactly they are in test.log, behind a header
last_ten() {
	[ "$(sed -n 1p "$DIR/test.log" | cut -c 1-10)" = '#separator' ] ||
	    fail "test.log begins with $(head -n 1 "$DIR/test.log" | cut -c 1-40)"
	[ "$(grep -v '^#' "$DIR/test.log" | cut -f 1 | tr '\n' ' ')" = \
	    "$(seq $((n - 10)) $((n - 1)) | tr '\n' ' ')" ] ||
	    fail "$(cat "$DIR/test.log")"
}
write
last_ten

say 'a file is removed'
rm "$DIR/test.log"
write
last_ten
has "$T/logger-1.out" 'test.log was removed by somebody' || fail 'not said'

say 'the folder is'
rm -r "$DIR"
write
last_ten
expect_lines 2 "$T/logger-1.out" 'test.log was removed by somebody'

say 'a file is truncated'
: >"$DIR/test.log"
write
last_ten
has "$T/logger-1.out" 'test.log was truncated by somebody' || fail 'not said'

say 'it goes on, and a restart finds what it left'
kill9 logger-1
start logger-1
until_true 10 has "$T/logger-1.out" 'test.log of the last run is now'
await restored manager
write
last_ten
all_lines test logger-1 | cut -f 1 | sort -n >"$T/got"
cmp -s "$T/got" <(seq $((n - 20)) $((n - 1))) || fail "$(cat "$T/got")"
